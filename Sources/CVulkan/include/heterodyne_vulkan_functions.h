// Heterodyne: the Vulkan functions that the Vulkan backend calls; written by scripts/vulkan_header.py.
// SPDX-License-Identifier: Apache-2.0
#ifndef HETERODYNE_VULKAN_FUNCTIONS_H
#define HETERODYNE_VULKAN_FUNCTIONS_H
#include "heterodyne_vulkan.h"

#ifndef __clang__
#define _Nonnull
#define _Nullable
#endif

typedef VkResult (*PFN_vkAllocateCommandBuffers)(VkDevice device, const VkCommandBufferAllocateInfo* pAllocateInfo,
    VkCommandBuffer* pCommandBuffers);
typedef VkResult (*PFN_vkAllocateDescriptorSets)(VkDevice device, const VkDescriptorSetAllocateInfo* pAllocateInfo,
    VkDescriptorSet* pDescriptorSets);
typedef VkResult (*PFN_vkAllocateMemory)(VkDevice device, const VkMemoryAllocateInfo* pAllocateInfo,
    const VkAllocationCallbacks* pAllocator, VkDeviceMemory* pMemory);
typedef VkResult (*PFN_vkBeginCommandBuffer)(VkCommandBuffer commandBuffer, const VkCommandBufferBeginInfo* pBeginInfo);
typedef VkResult (*PFN_vkBindBufferMemory)(VkDevice device, VkBuffer buffer, VkDeviceMemory memory,
    VkDeviceSize memoryOffset);
typedef void (*PFN_vkCmdBindDescriptorSets)(VkCommandBuffer commandBuffer, VkPipelineBindPoint pipelineBindPoint,
    VkPipelineLayout layout, uint32_t firstSet, uint32_t descriptorSetCount, const VkDescriptorSet* pDescriptorSets,
    uint32_t dynamicOffsetCount, const uint32_t* pDynamicOffsets);
typedef void (*PFN_vkCmdBindPipeline)(VkCommandBuffer commandBuffer, VkPipelineBindPoint pipelineBindPoint,
    VkPipeline pipeline);
typedef void (*PFN_vkCmdCopyBuffer)(VkCommandBuffer commandBuffer, VkBuffer srcBuffer, VkBuffer dstBuffer,
    uint32_t regionCount, const VkBufferCopy* pRegions);
typedef void (*PFN_vkCmdDispatchBase)(VkCommandBuffer commandBuffer, uint32_t baseGroupX, uint32_t baseGroupY,
    uint32_t baseGroupZ, uint32_t groupCountX, uint32_t groupCountY, uint32_t groupCountZ);
typedef void (*PFN_vkCmdFillBuffer)(VkCommandBuffer commandBuffer, VkBuffer dstBuffer, VkDeviceSize dstOffset,
    VkDeviceSize size, uint32_t data);
typedef void (*PFN_vkCmdPipelineBarrier)(VkCommandBuffer commandBuffer, VkPipelineStageFlags srcStageMask,
    VkPipelineStageFlags dstStageMask, VkDependencyFlags dependencyFlags, uint32_t memoryBarrierCount,
    const VkMemoryBarrier* pMemoryBarriers, uint32_t bufferMemoryBarrierCount,
    const VkBufferMemoryBarrier* pBufferMemoryBarriers, uint32_t imageMemoryBarrierCount,
    const VkImageMemoryBarrier* pImageMemoryBarriers);
typedef void (*PFN_vkCmdPushConstants)(VkCommandBuffer commandBuffer, VkPipelineLayout layout,
    VkShaderStageFlags stageFlags, uint32_t offset, uint32_t size, const void* pValues);
typedef void (*PFN_vkCmdResetQueryPool)(VkCommandBuffer commandBuffer, VkQueryPool queryPool, uint32_t firstQuery,
    uint32_t queryCount);
typedef void (*PFN_vkCmdWriteTimestamp)(VkCommandBuffer commandBuffer, VkPipelineStageFlagBits pipelineStage,
    VkQueryPool queryPool, uint32_t query);
typedef VkResult (*PFN_vkCreateBuffer)(VkDevice device, const VkBufferCreateInfo* pCreateInfo,
    const VkAllocationCallbacks* pAllocator, VkBuffer* pBuffer);
typedef VkResult (*PFN_vkCreateBufferView)(VkDevice device, const VkBufferViewCreateInfo* pCreateInfo,
    const VkAllocationCallbacks* pAllocator, VkBufferView* pView);
typedef VkResult (*PFN_vkCreateCommandPool)(VkDevice device, const VkCommandPoolCreateInfo* pCreateInfo,
    const VkAllocationCallbacks* pAllocator, VkCommandPool* pCommandPool);
typedef VkResult (*PFN_vkCreateComputePipelines)(VkDevice device, VkPipelineCache pipelineCache,
    uint32_t createInfoCount, const VkComputePipelineCreateInfo* pCreateInfos,
    const VkAllocationCallbacks* pAllocator, VkPipeline* pPipelines);
typedef VkResult (*PFN_vkCreateDebugUtilsMessengerEXT)(VkInstance instance,
    const VkDebugUtilsMessengerCreateInfoEXT* pCreateInfo, const VkAllocationCallbacks* pAllocator,
    VkDebugUtilsMessengerEXT* pMessenger);
typedef VkResult (*PFN_vkCreateDescriptorPool)(VkDevice device, const VkDescriptorPoolCreateInfo* pCreateInfo,
    const VkAllocationCallbacks* pAllocator, VkDescriptorPool* pDescriptorPool);
typedef VkResult (*PFN_vkCreateDescriptorSetLayout)(VkDevice device,
    const VkDescriptorSetLayoutCreateInfo* pCreateInfo, const VkAllocationCallbacks* pAllocator,
    VkDescriptorSetLayout* pSetLayout);
typedef VkResult (*PFN_vkCreateDevice)(VkPhysicalDevice physicalDevice, const VkDeviceCreateInfo* pCreateInfo,
    const VkAllocationCallbacks* pAllocator, VkDevice* pDevice);
typedef VkResult (*PFN_vkCreateInstance)(const VkInstanceCreateInfo* pCreateInfo,
    const VkAllocationCallbacks* pAllocator, VkInstance* pInstance);
typedef VkResult (*PFN_vkCreatePipelineCache)(VkDevice device, const VkPipelineCacheCreateInfo* pCreateInfo,
    const VkAllocationCallbacks* pAllocator, VkPipelineCache* pPipelineCache);
typedef VkResult (*PFN_vkCreatePipelineLayout)(VkDevice device, const VkPipelineLayoutCreateInfo* pCreateInfo,
    const VkAllocationCallbacks* pAllocator, VkPipelineLayout* pPipelineLayout);
typedef VkResult (*PFN_vkCreateQueryPool)(VkDevice device, const VkQueryPoolCreateInfo* pCreateInfo,
    const VkAllocationCallbacks* pAllocator, VkQueryPool* pQueryPool);
typedef VkResult (*PFN_vkCreateSemaphore)(VkDevice device, const VkSemaphoreCreateInfo* pCreateInfo,
    const VkAllocationCallbacks* pAllocator, VkSemaphore* pSemaphore);
typedef VkResult (*PFN_vkCreateShaderModule)(VkDevice device, const VkShaderModuleCreateInfo* pCreateInfo,
    const VkAllocationCallbacks* pAllocator, VkShaderModule* pShaderModule);
typedef void (*PFN_vkDestroyBuffer)(VkDevice device, VkBuffer buffer, const VkAllocationCallbacks* pAllocator);
typedef void (*PFN_vkDestroyBufferView)(VkDevice device, VkBufferView bufferView,
    const VkAllocationCallbacks* pAllocator);
typedef void (*PFN_vkDestroyCommandPool)(VkDevice device, VkCommandPool commandPool,
    const VkAllocationCallbacks* pAllocator);
typedef void (*PFN_vkDestroyDebugUtilsMessengerEXT)(VkInstance instance, VkDebugUtilsMessengerEXT messenger,
    const VkAllocationCallbacks* pAllocator);
typedef void (*PFN_vkDestroyDescriptorPool)(VkDevice device, VkDescriptorPool descriptorPool,
    const VkAllocationCallbacks* pAllocator);
typedef void (*PFN_vkDestroyDescriptorSetLayout)(VkDevice device, VkDescriptorSetLayout descriptorSetLayout,
    const VkAllocationCallbacks* pAllocator);
typedef void (*PFN_vkDestroyDevice)(VkDevice device, const VkAllocationCallbacks* pAllocator);
typedef void (*PFN_vkDestroyInstance)(VkInstance instance, const VkAllocationCallbacks* pAllocator);
typedef void (*PFN_vkDestroyPipeline)(VkDevice device, VkPipeline pipeline, const VkAllocationCallbacks* pAllocator);
typedef void (*PFN_vkDestroyPipelineCache)(VkDevice device, VkPipelineCache pipelineCache,
    const VkAllocationCallbacks* pAllocator);
typedef void (*PFN_vkDestroyPipelineLayout)(VkDevice device, VkPipelineLayout pipelineLayout,
    const VkAllocationCallbacks* pAllocator);
typedef void (*PFN_vkDestroyQueryPool)(VkDevice device, VkQueryPool queryPool, const VkAllocationCallbacks* pAllocator);
typedef void (*PFN_vkDestroySemaphore)(VkDevice device, VkSemaphore semaphore, const VkAllocationCallbacks* pAllocator);
typedef void (*PFN_vkDestroyShaderModule)(VkDevice device, VkShaderModule shaderModule,
    const VkAllocationCallbacks* pAllocator);
typedef VkResult (*PFN_vkDeviceWaitIdle)(VkDevice device);
typedef VkResult (*PFN_vkEndCommandBuffer)(VkCommandBuffer commandBuffer);
typedef VkResult (*PFN_vkEnumerateDeviceExtensionProperties)(VkPhysicalDevice physicalDevice, const char* pLayerName,
    uint32_t* pPropertyCount, VkExtensionProperties* pProperties);
typedef VkResult (*PFN_vkEnumerateInstanceExtensionProperties)(const char* pLayerName, uint32_t* pPropertyCount,
    VkExtensionProperties* pProperties);
typedef VkResult (*PFN_vkEnumerateInstanceLayerProperties)(uint32_t* pPropertyCount, VkLayerProperties* pProperties);
typedef VkResult (*PFN_vkEnumeratePhysicalDevices)(VkInstance instance, uint32_t* pPhysicalDeviceCount,
    VkPhysicalDevice* pPhysicalDevices);
typedef VkResult (*PFN_vkFlushMappedMemoryRanges)(VkDevice device, uint32_t memoryRangeCount,
    const VkMappedMemoryRange* pMemoryRanges);
typedef void (*PFN_vkFreeMemory)(VkDevice device, VkDeviceMemory memory, const VkAllocationCallbacks* pAllocator);
typedef VkDeviceAddress (*PFN_vkGetBufferDeviceAddress)(VkDevice device, const VkBufferDeviceAddressInfo* pInfo);
typedef void (*PFN_vkGetBufferMemoryRequirements)(VkDevice device, VkBuffer buffer,
    VkMemoryRequirements* pMemoryRequirements);
typedef PFN_vkVoidFunction (*PFN_vkGetDeviceProcAddr)(VkDevice device, const char* pName);
typedef void (*PFN_vkGetDeviceQueue)(VkDevice device, uint32_t queueFamilyIndex, uint32_t queueIndex, VkQueue* pQueue);
typedef PFN_vkVoidFunction (*PFN_vkGetInstanceProcAddr)(VkInstance instance, const char* pName);
typedef VkResult (*PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)(VkPhysicalDevice physicalDevice,
    uint32_t* pPropertyCount, VkCooperativeMatrixPropertiesKHR* pProperties);
typedef void (*PFN_vkGetPhysicalDeviceFeatures2)(VkPhysicalDevice physicalDevice, VkPhysicalDeviceFeatures2* pFeatures);
typedef void (*PFN_vkGetPhysicalDeviceMemoryProperties2)(VkPhysicalDevice physicalDevice,
    VkPhysicalDeviceMemoryProperties2* pMemoryProperties);
typedef void (*PFN_vkGetPhysicalDeviceProperties)(VkPhysicalDevice physicalDevice,
    VkPhysicalDeviceProperties* pProperties);
typedef void (*PFN_vkGetPhysicalDeviceProperties2)(VkPhysicalDevice physicalDevice,
    VkPhysicalDeviceProperties2* pProperties);
typedef void (*PFN_vkGetPhysicalDeviceQueueFamilyProperties)(VkPhysicalDevice physicalDevice,
    uint32_t* pQueueFamilyPropertyCount, VkQueueFamilyProperties* pQueueFamilyProperties);
typedef VkResult (*PFN_vkGetPipelineCacheData)(VkDevice device, VkPipelineCache pipelineCache, size_t* pDataSize,
    void* pData);
typedef VkResult (*PFN_vkGetQueryPoolResults)(VkDevice device, VkQueryPool queryPool, uint32_t firstQuery,
    uint32_t queryCount, size_t dataSize, void* pData, VkDeviceSize stride, VkQueryResultFlags flags);
typedef VkResult (*PFN_vkGetSemaphoreCounterValue)(VkDevice device, VkSemaphore semaphore, uint64_t* pValue);
typedef VkResult (*PFN_vkInvalidateMappedMemoryRanges)(VkDevice device, uint32_t memoryRangeCount,
    const VkMappedMemoryRange* pMemoryRanges);
typedef VkResult (*PFN_vkMapMemory)(VkDevice device, VkDeviceMemory memory, VkDeviceSize offset, VkDeviceSize size,
    VkMemoryMapFlags flags, void** ppData);
typedef VkResult (*PFN_vkMergePipelineCaches)(VkDevice device, VkPipelineCache dstCache, uint32_t srcCacheCount,
    const VkPipelineCache* pSrcCaches);
typedef VkResult (*PFN_vkQueueSubmit)(VkQueue queue, uint32_t submitCount, const VkSubmitInfo* pSubmits, VkFence fence);
typedef VkResult (*PFN_vkQueueWaitIdle)(VkQueue queue);
typedef VkResult (*PFN_vkResetCommandPool)(VkDevice device, VkCommandPool commandPool, VkCommandPoolResetFlags flags);
typedef VkResult (*PFN_vkResetDescriptorPool)(VkDevice device, VkDescriptorPool descriptorPool,
    VkDescriptorPoolResetFlags flags);
typedef void (*PFN_vkUpdateDescriptorSets)(VkDevice device, uint32_t descriptorWriteCount,
    const VkWriteDescriptorSet* pDescriptorWrites, uint32_t descriptorCopyCount,
    const VkCopyDescriptorSet* pDescriptorCopies);
typedef VkResult (*PFN_vkWaitSemaphores)(VkDevice device, const VkSemaphoreWaitInfo* pWaitInfo, uint64_t timeout);

/// Functions that need no instance.
typedef struct {
    PFN_vkCreateInstance _Nonnull vkCreateInstance;
    PFN_vkEnumerateInstanceExtensionProperties _Nonnull vkEnumerateInstanceExtensionProperties;
    PFN_vkEnumerateInstanceLayerProperties _Nonnull vkEnumerateInstanceLayerProperties;
} HeterodyneVulkanGlobals;

/// Fills the table. Gives the name of the first function that is missing, or NULL.
const char *_Nullable heterodyne_vulkan_load_global(
    HeterodyneVulkanGlobals *_Nonnull table, PFN_vkGetInstanceProcAddr _Nonnull lookup,
    VkInstance _Nullable handle);

/// Functions of an instance.
typedef struct {
    PFN_vkDestroyInstance _Nonnull vkDestroyInstance;
    PFN_vkEnumeratePhysicalDevices _Nonnull vkEnumeratePhysicalDevices;
    PFN_vkGetPhysicalDeviceProperties _Nonnull vkGetPhysicalDeviceProperties;
    PFN_vkGetPhysicalDeviceProperties2 _Nonnull vkGetPhysicalDeviceProperties2;
    PFN_vkGetPhysicalDeviceFeatures2 _Nonnull vkGetPhysicalDeviceFeatures2;
    PFN_vkGetPhysicalDeviceQueueFamilyProperties _Nonnull vkGetPhysicalDeviceQueueFamilyProperties;
    PFN_vkGetPhysicalDeviceMemoryProperties2 _Nonnull vkGetPhysicalDeviceMemoryProperties2;
    PFN_vkEnumerateDeviceExtensionProperties _Nonnull vkEnumerateDeviceExtensionProperties;
    PFN_vkCreateDevice _Nonnull vkCreateDevice; PFN_vkGetDeviceProcAddr _Nonnull vkGetDeviceProcAddr;
    PFN_vkCreateDebugUtilsMessengerEXT _Nullable vkCreateDebugUtilsMessengerEXT;
    PFN_vkDestroyDebugUtilsMessengerEXT _Nullable vkDestroyDebugUtilsMessengerEXT;
    PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR _Nullable vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR;
} HeterodyneVulkanInstanceFunctions;

/// Fills the table. Gives the name of the first function that is missing, or NULL.
const char *_Nullable heterodyne_vulkan_load_instance(
    HeterodyneVulkanInstanceFunctions *_Nonnull table, PFN_vkGetInstanceProcAddr _Nonnull lookup,
    VkInstance _Nullable handle);

/// Functions of a device.
typedef struct {
    PFN_vkDestroyDevice _Nonnull vkDestroyDevice; PFN_vkGetDeviceQueue _Nonnull vkGetDeviceQueue;
    PFN_vkQueueSubmit _Nonnull vkQueueSubmit; PFN_vkQueueWaitIdle _Nonnull vkQueueWaitIdle;
    PFN_vkDeviceWaitIdle _Nonnull vkDeviceWaitIdle; PFN_vkAllocateMemory _Nonnull vkAllocateMemory;
    PFN_vkFreeMemory _Nonnull vkFreeMemory; PFN_vkMapMemory _Nonnull vkMapMemory;
    PFN_vkFlushMappedMemoryRanges _Nonnull vkFlushMappedMemoryRanges;
    PFN_vkInvalidateMappedMemoryRanges _Nonnull vkInvalidateMappedMemoryRanges;
    PFN_vkCreateBuffer _Nonnull vkCreateBuffer; PFN_vkDestroyBuffer _Nonnull vkDestroyBuffer;
    PFN_vkCreateBufferView _Nonnull vkCreateBufferView; PFN_vkDestroyBufferView _Nonnull vkDestroyBufferView;
    PFN_vkGetBufferMemoryRequirements _Nonnull vkGetBufferMemoryRequirements;
    PFN_vkBindBufferMemory _Nonnull vkBindBufferMemory; PFN_vkGetBufferDeviceAddress _Nonnull vkGetBufferDeviceAddress;
    PFN_vkCreateSemaphore _Nonnull vkCreateSemaphore; PFN_vkDestroySemaphore _Nonnull vkDestroySemaphore;
    PFN_vkWaitSemaphores _Nonnull vkWaitSemaphores; PFN_vkGetSemaphoreCounterValue _Nonnull vkGetSemaphoreCounterValue;
    PFN_vkCreateQueryPool _Nonnull vkCreateQueryPool; PFN_vkDestroyQueryPool _Nonnull vkDestroyQueryPool;
    PFN_vkGetQueryPoolResults _Nonnull vkGetQueryPoolResults; PFN_vkCreateShaderModule _Nonnull vkCreateShaderModule;
    PFN_vkDestroyShaderModule _Nonnull vkDestroyShaderModule; PFN_vkCreatePipelineCache _Nonnull vkCreatePipelineCache;
    PFN_vkDestroyPipelineCache _Nonnull vkDestroyPipelineCache;
    PFN_vkGetPipelineCacheData _Nonnull vkGetPipelineCacheData;
    PFN_vkMergePipelineCaches _Nonnull vkMergePipelineCaches;
    PFN_vkCreateComputePipelines _Nonnull vkCreateComputePipelines; PFN_vkDestroyPipeline _Nonnull vkDestroyPipeline;
    PFN_vkCreatePipelineLayout _Nonnull vkCreatePipelineLayout;
    PFN_vkDestroyPipelineLayout _Nonnull vkDestroyPipelineLayout;
    PFN_vkCreateDescriptorSetLayout _Nonnull vkCreateDescriptorSetLayout;
    PFN_vkDestroyDescriptorSetLayout _Nonnull vkDestroyDescriptorSetLayout;
    PFN_vkCreateDescriptorPool _Nonnull vkCreateDescriptorPool;
    PFN_vkDestroyDescriptorPool _Nonnull vkDestroyDescriptorPool;
    PFN_vkResetDescriptorPool _Nonnull vkResetDescriptorPool;
    PFN_vkAllocateDescriptorSets _Nonnull vkAllocateDescriptorSets;
    PFN_vkUpdateDescriptorSets _Nonnull vkUpdateDescriptorSets; PFN_vkCreateCommandPool _Nonnull vkCreateCommandPool;
    PFN_vkDestroyCommandPool _Nonnull vkDestroyCommandPool; PFN_vkResetCommandPool _Nonnull vkResetCommandPool;
    PFN_vkAllocateCommandBuffers _Nonnull vkAllocateCommandBuffers;
    PFN_vkBeginCommandBuffer _Nonnull vkBeginCommandBuffer; PFN_vkEndCommandBuffer _Nonnull vkEndCommandBuffer;
    PFN_vkCmdBindPipeline _Nonnull vkCmdBindPipeline; PFN_vkCmdBindDescriptorSets _Nonnull vkCmdBindDescriptorSets;
    PFN_vkCmdPushConstants _Nonnull vkCmdPushConstants; PFN_vkCmdDispatchBase _Nonnull vkCmdDispatchBase;
    PFN_vkCmdPipelineBarrier _Nonnull vkCmdPipelineBarrier; PFN_vkCmdCopyBuffer _Nonnull vkCmdCopyBuffer;
    PFN_vkCmdFillBuffer _Nonnull vkCmdFillBuffer; PFN_vkCmdResetQueryPool _Nonnull vkCmdResetQueryPool;
    PFN_vkCmdWriteTimestamp _Nonnull vkCmdWriteTimestamp;
} HeterodyneVulkanDeviceFunctions;

/// Fills the table. Gives the name of the first function that is missing, or NULL.
const char *_Nullable heterodyne_vulkan_load_device(
    HeterodyneVulkanDeviceFunctions *_Nonnull table, PFN_vkGetDeviceProcAddr _Nonnull lookup,
    VkDevice _Nullable handle);
#endif
