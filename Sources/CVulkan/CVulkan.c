// Heterodyne: fills the tables of Vulkan functions; written by scripts/vulkan_header.py.
// SPDX-License-Identifier: Apache-2.0
#include "heterodyne_vulkan.h"

typedef struct {
    const char *name;
    size_t offset;
    int optional;
} Entry;

typedef PFN_vkVoidFunction (*Lookup)(void *, const char *);

static const char *fill(char *table, const Entry *entries, size_t count, Lookup lookup, void *handle) {
    for (size_t i = 0; i < count; i++) {
        PFN_vkVoidFunction function = lookup(handle, entries[i].name);
        if (!function && !entries[i].optional) return entries[i].name;
        *(PFN_vkVoidFunction *)(table + entries[i].offset) = function;
    }
    return NULL;
}

static const Entry globalEntries[] = {
    {"vkCreateInstance", offsetof(HeterodyneVulkanGlobals, vkCreateInstance), 0},
    {"vkEnumerateInstanceExtensionProperties", offsetof(HeterodyneVulkanGlobals, vkEnumerateInstanceExtensionProperties), 0},
    {"vkEnumerateInstanceLayerProperties", offsetof(HeterodyneVulkanGlobals, vkEnumerateInstanceLayerProperties), 0},
};

const char *_Nullable heterodyne_vulkan_load_global(
    HeterodyneVulkanGlobals *_Nonnull table, PFN_vkGetInstanceProcAddr _Nonnull lookup, VkInstance _Nullable handle) {
    return fill((char *)table, globalEntries, sizeof globalEntries / sizeof *globalEntries, (Lookup)lookup,
                handle);
}

static const Entry instanceEntries[] = {
    {"vkDestroyInstance", offsetof(HeterodyneVulkanInstanceFunctions, vkDestroyInstance), 0},
    {"vkEnumeratePhysicalDevices", offsetof(HeterodyneVulkanInstanceFunctions, vkEnumeratePhysicalDevices), 0},
    {"vkGetPhysicalDeviceProperties", offsetof(HeterodyneVulkanInstanceFunctions, vkGetPhysicalDeviceProperties), 0},
    {"vkGetPhysicalDeviceProperties2", offsetof(HeterodyneVulkanInstanceFunctions, vkGetPhysicalDeviceProperties2), 0},
    {"vkGetPhysicalDeviceFeatures2", offsetof(HeterodyneVulkanInstanceFunctions, vkGetPhysicalDeviceFeatures2), 0},
    {"vkGetPhysicalDeviceQueueFamilyProperties", offsetof(HeterodyneVulkanInstanceFunctions, vkGetPhysicalDeviceQueueFamilyProperties), 0},
    {"vkGetPhysicalDeviceMemoryProperties2", offsetof(HeterodyneVulkanInstanceFunctions, vkGetPhysicalDeviceMemoryProperties2), 0},
    {"vkEnumerateDeviceExtensionProperties", offsetof(HeterodyneVulkanInstanceFunctions, vkEnumerateDeviceExtensionProperties), 0},
    {"vkCreateDevice", offsetof(HeterodyneVulkanInstanceFunctions, vkCreateDevice), 0},
    {"vkGetDeviceProcAddr", offsetof(HeterodyneVulkanInstanceFunctions, vkGetDeviceProcAddr), 0},
    {"vkCreateDebugUtilsMessengerEXT", offsetof(HeterodyneVulkanInstanceFunctions, vkCreateDebugUtilsMessengerEXT), 1},
    {"vkDestroyDebugUtilsMessengerEXT", offsetof(HeterodyneVulkanInstanceFunctions, vkDestroyDebugUtilsMessengerEXT), 1},
    {"vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR", offsetof(HeterodyneVulkanInstanceFunctions, vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR), 1},
};

const char *_Nullable heterodyne_vulkan_load_instance(
    HeterodyneVulkanInstanceFunctions *_Nonnull table, PFN_vkGetInstanceProcAddr _Nonnull lookup, VkInstance _Nullable handle) {
    return fill((char *)table, instanceEntries, sizeof instanceEntries / sizeof *instanceEntries, (Lookup)lookup,
                handle);
}

static const Entry deviceEntries[] = {
    {"vkDestroyDevice", offsetof(HeterodyneVulkanDeviceFunctions, vkDestroyDevice), 0},
    {"vkGetDeviceQueue", offsetof(HeterodyneVulkanDeviceFunctions, vkGetDeviceQueue), 0},
    {"vkQueueSubmit", offsetof(HeterodyneVulkanDeviceFunctions, vkQueueSubmit), 0},
    {"vkQueueWaitIdle", offsetof(HeterodyneVulkanDeviceFunctions, vkQueueWaitIdle), 0},
    {"vkDeviceWaitIdle", offsetof(HeterodyneVulkanDeviceFunctions, vkDeviceWaitIdle), 0},
    {"vkAllocateMemory", offsetof(HeterodyneVulkanDeviceFunctions, vkAllocateMemory), 0},
    {"vkFreeMemory", offsetof(HeterodyneVulkanDeviceFunctions, vkFreeMemory), 0},
    {"vkMapMemory", offsetof(HeterodyneVulkanDeviceFunctions, vkMapMemory), 0},
    {"vkFlushMappedMemoryRanges", offsetof(HeterodyneVulkanDeviceFunctions, vkFlushMappedMemoryRanges), 0},
    {"vkInvalidateMappedMemoryRanges", offsetof(HeterodyneVulkanDeviceFunctions, vkInvalidateMappedMemoryRanges), 0},
    {"vkCreateBuffer", offsetof(HeterodyneVulkanDeviceFunctions, vkCreateBuffer), 0},
    {"vkDestroyBuffer", offsetof(HeterodyneVulkanDeviceFunctions, vkDestroyBuffer), 0},
    {"vkGetBufferMemoryRequirements", offsetof(HeterodyneVulkanDeviceFunctions, vkGetBufferMemoryRequirements), 0},
    {"vkBindBufferMemory", offsetof(HeterodyneVulkanDeviceFunctions, vkBindBufferMemory), 0},
    {"vkGetBufferDeviceAddress", offsetof(HeterodyneVulkanDeviceFunctions, vkGetBufferDeviceAddress), 0},
    {"vkCreateSemaphore", offsetof(HeterodyneVulkanDeviceFunctions, vkCreateSemaphore), 0},
    {"vkDestroySemaphore", offsetof(HeterodyneVulkanDeviceFunctions, vkDestroySemaphore), 0},
    {"vkWaitSemaphores", offsetof(HeterodyneVulkanDeviceFunctions, vkWaitSemaphores), 0},
    {"vkGetSemaphoreCounterValue", offsetof(HeterodyneVulkanDeviceFunctions, vkGetSemaphoreCounterValue), 0},
    {"vkCreateQueryPool", offsetof(HeterodyneVulkanDeviceFunctions, vkCreateQueryPool), 0},
    {"vkDestroyQueryPool", offsetof(HeterodyneVulkanDeviceFunctions, vkDestroyQueryPool), 0},
    {"vkGetQueryPoolResults", offsetof(HeterodyneVulkanDeviceFunctions, vkGetQueryPoolResults), 0},
    {"vkCreateShaderModule", offsetof(HeterodyneVulkanDeviceFunctions, vkCreateShaderModule), 0},
    {"vkDestroyShaderModule", offsetof(HeterodyneVulkanDeviceFunctions, vkDestroyShaderModule), 0},
    {"vkCreatePipelineCache", offsetof(HeterodyneVulkanDeviceFunctions, vkCreatePipelineCache), 0},
    {"vkDestroyPipelineCache", offsetof(HeterodyneVulkanDeviceFunctions, vkDestroyPipelineCache), 0},
    {"vkGetPipelineCacheData", offsetof(HeterodyneVulkanDeviceFunctions, vkGetPipelineCacheData), 0},
    {"vkMergePipelineCaches", offsetof(HeterodyneVulkanDeviceFunctions, vkMergePipelineCaches), 0},
    {"vkCreateComputePipelines", offsetof(HeterodyneVulkanDeviceFunctions, vkCreateComputePipelines), 0},
    {"vkDestroyPipeline", offsetof(HeterodyneVulkanDeviceFunctions, vkDestroyPipeline), 0},
    {"vkCreatePipelineLayout", offsetof(HeterodyneVulkanDeviceFunctions, vkCreatePipelineLayout), 0},
    {"vkDestroyPipelineLayout", offsetof(HeterodyneVulkanDeviceFunctions, vkDestroyPipelineLayout), 0},
    {"vkCreateDescriptorSetLayout", offsetof(HeterodyneVulkanDeviceFunctions, vkCreateDescriptorSetLayout), 0},
    {"vkDestroyDescriptorSetLayout", offsetof(HeterodyneVulkanDeviceFunctions, vkDestroyDescriptorSetLayout), 0},
    {"vkCreateDescriptorPool", offsetof(HeterodyneVulkanDeviceFunctions, vkCreateDescriptorPool), 0},
    {"vkDestroyDescriptorPool", offsetof(HeterodyneVulkanDeviceFunctions, vkDestroyDescriptorPool), 0},
    {"vkResetDescriptorPool", offsetof(HeterodyneVulkanDeviceFunctions, vkResetDescriptorPool), 0},
    {"vkAllocateDescriptorSets", offsetof(HeterodyneVulkanDeviceFunctions, vkAllocateDescriptorSets), 0},
    {"vkUpdateDescriptorSets", offsetof(HeterodyneVulkanDeviceFunctions, vkUpdateDescriptorSets), 0},
    {"vkCreateCommandPool", offsetof(HeterodyneVulkanDeviceFunctions, vkCreateCommandPool), 0},
    {"vkDestroyCommandPool", offsetof(HeterodyneVulkanDeviceFunctions, vkDestroyCommandPool), 0},
    {"vkResetCommandPool", offsetof(HeterodyneVulkanDeviceFunctions, vkResetCommandPool), 0},
    {"vkAllocateCommandBuffers", offsetof(HeterodyneVulkanDeviceFunctions, vkAllocateCommandBuffers), 0},
    {"vkBeginCommandBuffer", offsetof(HeterodyneVulkanDeviceFunctions, vkBeginCommandBuffer), 0},
    {"vkEndCommandBuffer", offsetof(HeterodyneVulkanDeviceFunctions, vkEndCommandBuffer), 0},
    {"vkCmdBindPipeline", offsetof(HeterodyneVulkanDeviceFunctions, vkCmdBindPipeline), 0},
    {"vkCmdBindDescriptorSets", offsetof(HeterodyneVulkanDeviceFunctions, vkCmdBindDescriptorSets), 0},
    {"vkCmdPushConstants", offsetof(HeterodyneVulkanDeviceFunctions, vkCmdPushConstants), 0},
    {"vkCmdDispatchBase", offsetof(HeterodyneVulkanDeviceFunctions, vkCmdDispatchBase), 0},
    {"vkCmdPipelineBarrier", offsetof(HeterodyneVulkanDeviceFunctions, vkCmdPipelineBarrier), 0},
    {"vkCmdCopyBuffer", offsetof(HeterodyneVulkanDeviceFunctions, vkCmdCopyBuffer), 0},
    {"vkCmdFillBuffer", offsetof(HeterodyneVulkanDeviceFunctions, vkCmdFillBuffer), 0},
    {"vkCmdResetQueryPool", offsetof(HeterodyneVulkanDeviceFunctions, vkCmdResetQueryPool), 0},
    {"vkCmdWriteTimestamp", offsetof(HeterodyneVulkanDeviceFunctions, vkCmdWriteTimestamp), 0},
};

const char *_Nullable heterodyne_vulkan_load_device(
    HeterodyneVulkanDeviceFunctions *_Nonnull table, PFN_vkGetDeviceProcAddr _Nonnull lookup, VkDevice _Nullable handle) {
    return fill((char *)table, deviceEntries, sizeof deviceEntries / sizeof *deviceEntries, (Lookup)lookup,
                handle);
}
