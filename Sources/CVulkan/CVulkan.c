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

#define ENTRY(name, optional) {#name, offsetof(HeterodyneVulkanGlobals, name), optional}
static const Entry globalEntries[] = {
    ENTRY(vkCreateInstance, 0),
    ENTRY(vkEnumerateInstanceExtensionProperties, 0),
    ENTRY(vkEnumerateInstanceLayerProperties, 0),
};
#undef ENTRY

const char *_Nullable heterodyne_vulkan_load_global(
    HeterodyneVulkanGlobals *_Nonnull table, PFN_vkGetInstanceProcAddr _Nonnull lookup,
    VkInstance _Nullable handle) {
    return fill((char *)table, globalEntries, sizeof globalEntries / sizeof *globalEntries, (Lookup)lookup,
                handle);
}

#define ENTRY(name, optional) {#name, offsetof(HeterodyneVulkanInstanceFunctions, name), optional}
static const Entry instanceEntries[] = {
    ENTRY(vkDestroyInstance, 0),
    ENTRY(vkEnumeratePhysicalDevices, 0),
    ENTRY(vkGetPhysicalDeviceProperties, 0),
    ENTRY(vkGetPhysicalDeviceProperties2, 0),
    ENTRY(vkGetPhysicalDeviceFeatures2, 0),
    ENTRY(vkGetPhysicalDeviceQueueFamilyProperties, 0),
    ENTRY(vkGetPhysicalDeviceMemoryProperties2, 0),
    ENTRY(vkEnumerateDeviceExtensionProperties, 0),
    ENTRY(vkCreateDevice, 0),
    ENTRY(vkGetDeviceProcAddr, 0),
    ENTRY(vkCreateDebugUtilsMessengerEXT, 1),
    ENTRY(vkDestroyDebugUtilsMessengerEXT, 1),
    ENTRY(vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR, 1),
};
#undef ENTRY

const char *_Nullable heterodyne_vulkan_load_instance(
    HeterodyneVulkanInstanceFunctions *_Nonnull table, PFN_vkGetInstanceProcAddr _Nonnull lookup,
    VkInstance _Nullable handle) {
    return fill((char *)table, instanceEntries, sizeof instanceEntries / sizeof *instanceEntries, (Lookup)lookup,
                handle);
}

#define ENTRY(name, optional) {#name, offsetof(HeterodyneVulkanDeviceFunctions, name), optional}
static const Entry deviceEntries[] = {
    ENTRY(vkDestroyDevice, 0),
    ENTRY(vkGetDeviceQueue, 0),
    ENTRY(vkQueueSubmit, 0),
    ENTRY(vkQueueWaitIdle, 0),
    ENTRY(vkDeviceWaitIdle, 0),
    ENTRY(vkAllocateMemory, 0),
    ENTRY(vkFreeMemory, 0),
    ENTRY(vkMapMemory, 0),
    ENTRY(vkFlushMappedMemoryRanges, 0),
    ENTRY(vkInvalidateMappedMemoryRanges, 0),
    ENTRY(vkCreateBuffer, 0),
    ENTRY(vkDestroyBuffer, 0),
    ENTRY(vkCreateBufferView, 0),
    ENTRY(vkDestroyBufferView, 0),
    ENTRY(vkGetBufferMemoryRequirements, 0),
    ENTRY(vkBindBufferMemory, 0),
    ENTRY(vkGetBufferDeviceAddress, 0),
    ENTRY(vkCreateSemaphore, 0),
    ENTRY(vkDestroySemaphore, 0),
    ENTRY(vkWaitSemaphores, 0),
    ENTRY(vkGetSemaphoreCounterValue, 0),
    ENTRY(vkCreateQueryPool, 0),
    ENTRY(vkDestroyQueryPool, 0),
    ENTRY(vkGetQueryPoolResults, 0),
    ENTRY(vkCreateShaderModule, 0),
    ENTRY(vkDestroyShaderModule, 0),
    ENTRY(vkCreatePipelineCache, 0),
    ENTRY(vkDestroyPipelineCache, 0),
    ENTRY(vkGetPipelineCacheData, 0),
    ENTRY(vkMergePipelineCaches, 0),
    ENTRY(vkCreateComputePipelines, 0),
    ENTRY(vkDestroyPipeline, 0),
    ENTRY(vkCreatePipelineLayout, 0),
    ENTRY(vkDestroyPipelineLayout, 0),
    ENTRY(vkCreateDescriptorSetLayout, 0),
    ENTRY(vkDestroyDescriptorSetLayout, 0),
    ENTRY(vkCreateDescriptorPool, 0),
    ENTRY(vkDestroyDescriptorPool, 0),
    ENTRY(vkResetDescriptorPool, 0),
    ENTRY(vkAllocateDescriptorSets, 0),
    ENTRY(vkUpdateDescriptorSets, 0),
    ENTRY(vkCreateCommandPool, 0),
    ENTRY(vkDestroyCommandPool, 0),
    ENTRY(vkResetCommandPool, 0),
    ENTRY(vkAllocateCommandBuffers, 0),
    ENTRY(vkBeginCommandBuffer, 0),
    ENTRY(vkEndCommandBuffer, 0),
    ENTRY(vkCmdBindPipeline, 0),
    ENTRY(vkCmdBindDescriptorSets, 0),
    ENTRY(vkCmdPushConstants, 0),
    ENTRY(vkCmdDispatchBase, 0),
    ENTRY(vkCmdPipelineBarrier, 0),
    ENTRY(vkCmdCopyBuffer, 0),
    ENTRY(vkCmdFillBuffer, 0),
    ENTRY(vkCmdResetQueryPool, 0),
    ENTRY(vkCmdWriteTimestamp, 0),
};
#undef ENTRY

const char *_Nullable heterodyne_vulkan_load_device(
    HeterodyneVulkanDeviceFunctions *_Nonnull table, PFN_vkGetDeviceProcAddr _Nonnull lookup,
    VkDevice _Nullable handle) {
    return fill((char *)table, deviceEntries, sizeof deviceEntries / sizeof *deviceEntries, (Lookup)lookup,
                handle);
}
