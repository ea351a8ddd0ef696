#!/usr/bin/env python3
"""Writes the part of the Vulkan interface that the Vulkan backend uses, as a C header and a C file of ours.

Usage: python3 scripts/vulkan_header.py            (in the root of the repository)

Reads vulkan_core.h of Debian's package libvulkan-dev (or the file named in VULKAN_HEADER): names, numbers and layouts.
Wanted is every Vulkan name that the Swift sources of the backend and its tests mention, the functions listed here, and
what these need. The backend itself builds without that package.
"""
import os
import re
import sys

HEADER = os.environ.get("VULKAN_HEADER", "/usr/include/vulkan/vulkan_core.h")
SOURCES = ["Backends/Vulkan", "Tests/HeterodyneVulkanTests"]
OUT = "Sources/CVulkan"

GLOBAL = "vkCreateInstance vkEnumerateInstanceExtensionProperties vkEnumerateInstanceLayerProperties".split()
INSTANCE = """vkDestroyInstance vkEnumeratePhysicalDevices vkGetPhysicalDeviceProperties
vkGetPhysicalDeviceProperties2 vkGetPhysicalDeviceFeatures2 vkGetPhysicalDeviceQueueFamilyProperties
vkGetPhysicalDeviceMemoryProperties2 vkEnumerateDeviceExtensionProperties vkCreateDevice vkGetDeviceProcAddr""".split()
DEVICE = """vkDestroyDevice vkGetDeviceQueue vkQueueSubmit vkQueueWaitIdle vkDeviceWaitIdle
vkAllocateMemory vkFreeMemory vkMapMemory vkFlushMappedMemoryRanges vkInvalidateMappedMemoryRanges
vkCreateBuffer vkDestroyBuffer vkCreateBufferView vkDestroyBufferView vkGetBufferMemoryRequirements vkBindBufferMemory vkGetBufferDeviceAddress
vkCreateSemaphore vkDestroySemaphore vkWaitSemaphores vkGetSemaphoreCounterValue
vkCreateQueryPool vkDestroyQueryPool vkGetQueryPoolResults
vkCreateShaderModule vkDestroyShaderModule vkCreatePipelineCache vkDestroyPipelineCache vkGetPipelineCacheData
vkMergePipelineCaches vkCreateComputePipelines vkDestroyPipeline vkCreatePipelineLayout vkDestroyPipelineLayout
vkCreateDescriptorSetLayout vkDestroyDescriptorSetLayout vkCreateDescriptorPool vkDestroyDescriptorPool
vkResetDescriptorPool vkAllocateDescriptorSets vkUpdateDescriptorSets
vkCreateCommandPool vkDestroyCommandPool vkResetCommandPool vkAllocateCommandBuffers vkBeginCommandBuffer
vkEndCommandBuffer vkCmdBindPipeline vkCmdBindDescriptorSets vkCmdPushConstants vkCmdDispatchBase
vkCmdPipelineBarrier vkCmdCopyBuffer vkCmdFillBuffer vkCmdResetQueryPool vkCmdWriteTimestamp""".split()
# Part of extensions: absent unless these are enabled.
OPTIONAL_INSTANCE = """vkCreateDebugUtilsMessengerEXT vkDestroyDebugUtilsMessengerEXT
vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR""".split()

# Extensions that are newer than the header of Debian 12, or in its beta part, in the header's own notation.
EXTENSIONS = """
typedef enum VkComponentTypeKHR {
    VK_COMPONENT_TYPE_FLOAT16_KHR = 0, VK_COMPONENT_TYPE_FLOAT32_KHR = 1, VK_COMPONENT_TYPE_FLOAT64_KHR = 2,
    VK_COMPONENT_TYPE_SINT8_KHR = 3, VK_COMPONENT_TYPE_SINT16_KHR = 4, VK_COMPONENT_TYPE_SINT32_KHR = 5,
    VK_COMPONENT_TYPE_SINT64_KHR = 6, VK_COMPONENT_TYPE_UINT8_KHR = 7, VK_COMPONENT_TYPE_UINT16_KHR = 8,
    VK_COMPONENT_TYPE_UINT32_KHR = 9, VK_COMPONENT_TYPE_UINT64_KHR = 10, VK_COMPONENT_TYPE_BFLOAT16_KHR = 1000141000,
} VkComponentTypeKHR;
typedef enum VkScopeKHR {
    VK_SCOPE_DEVICE_KHR = 1, VK_SCOPE_WORKGROUP_KHR = 2, VK_SCOPE_SUBGROUP_KHR = 3, VK_SCOPE_QUEUE_FAMILY_KHR = 5,
} VkScopeKHR;
typedef struct VkCooperativeMatrixPropertiesKHR {
    VkStructureType       sType;
    void*                 pNext;
    uint32_t              MSize;
    uint32_t              NSize;
    uint32_t              KSize;
    VkComponentTypeKHR    AType;
    VkComponentTypeKHR    BType;
    VkComponentTypeKHR    CType;
    VkComponentTypeKHR    ResultType;
    VkBool32              saturatingAccumulation;
    VkScopeKHR            scope;
} VkCooperativeMatrixPropertiesKHR;
typedef struct VkPhysicalDeviceCooperativeMatrixFeaturesKHR {
    VkStructureType    sType;
    void*              pNext;
    VkBool32           cooperativeMatrix;
    VkBool32           cooperativeMatrixRobustBufferAccess;
} VkPhysicalDeviceCooperativeMatrixFeaturesKHR;
typedef struct VkPhysicalDeviceShaderBfloat16FeaturesKHR {
    VkStructureType    sType;
    void*              pNext;
    VkBool32           shaderBFloat16Type;
    VkBool32           shaderBFloat16DotProduct;
    VkBool32           shaderBFloat16CooperativeMatrix;
} VkPhysicalDeviceShaderBfloat16FeaturesKHR;
typedef VkResult (VKAPI_PTR *PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)(VkPhysicalDevice physicalDevice, uint32_t* pPropertyCount, VkCooperativeMatrixPropertiesKHR* pProperties);
"""
ENUMERANTS = {
    "VkStructureType": {
        "VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR": "1000506000",
        "VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR": "1000506001",
        "VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR": "1000141000",
    },
}

NAME = re.compile(r"\b(?:PFN_vk|Vk|VK_)\w+")


class Interface:
    """What a header declares, by name."""

    def __init__(self, text):
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        text = re.sub(r"//[^\n]*", "", text)
        self.enumerations = {}
        for name, body in re.findall(r"typedef enum (\w+) \{(.*?)\} \w+;", text, flags=re.S):
            pairs = re.findall(r"(\w+)\s*=\s*([^,\s}]+)", body)
            self.enumerations[name] = dict(pairs) | ENUMERANTS.get(name, {})
        self.owners = {case: name for name, cases in self.enumerations.items() for case in cases}
        self.structures = dict(
            (name, (kind, re.findall(r"^\s*(.+?);", body, flags=re.M)))
            for kind, name, body in re.findall(r"typedef (struct|union) (\w+) \{(.*?)\} \w+;", text, flags=re.S))
        self.functions = dict(
            (name, (result, arguments)) for result, name, arguments in re.findall(
                r"typedef ([\w\s*]+?) \(VKAPI_PTR \*(PFN_\w+)\)\(\s*(.*?)\);", text, flags=re.S))
        self.handles = dict(
            (name, kind) for kind, name in re.findall(r"^(VK_DEFINE_\w*HANDLE)\((\w+)\)", text, flags=re.M))
        self.aliases = dict(
            (name, old) for old, name in re.findall(r"^typedef (\w+) (Vk\w+);", text, flags=re.M))
        self.macros = dict(re.findall(r"^#define (VK_\w+)\s+([^\s\\]+)\s*$", text, flags=re.M))

    def resolved(self, case):
        """The number of an enumerant; some are names for others."""
        value = self.enumerations[self.owners[case]][case]
        return self.resolved(value) if value in self.owners else value


def wanted_names():
    names = set()
    for folder in SOURCES:
        for path, _, files in os.walk(folder):
            for file in files:
                if file.endswith(".swift"):
                    with open(os.path.join(path, file)) as source:
                        names |= set(NAME.findall(source.read()))
    return names | {"PFN_" + name for name in GLOBAL + INSTANCE + DEVICE + OPTIONAL_INSTANCE} | {
        "PFN_vkGetInstanceProcAddr", "PFN_vkGetDeviceProcAddr"}


def closed(interface, roots):
    """The names that the roots need, in an order in which C can read them."""
    order, seen = [], set()

    def visit(name):
        if name in seen:
            return
        seen.add(name)
        if name in interface.structures:
            for field in interface.structures[name][1]:
                for other in NAME.findall(field):
                    # A structure that only is pointed to must be there as well: Swift reads through the pointer.
                    visit(other)
        elif name in interface.functions:
            for other in NAME.findall(" ".join(interface.functions[name])):
                visit(other)
        elif name in interface.owners:
            visit(interface.owners[name])
        elif name in interface.aliases:
            visit(interface.aliases[name])
        order.append(name)

    for root in sorted(roots):
        visit(root)
    return order


def declaration(interface, name, used):
    """The C text of one name, or nothing for names of another kind, such as extensions' names."""
    compact = lambda text: re.sub(r"\s+", " ", text).strip()
    if name in interface.enumerations:
        cases = [case for case in interface.enumerations[name] if case in used]
        cases = cases or list(interface.enumerations[name])[:1]
        pairs = [f"{case} = {interface.resolved(case)}," for case in cases]
        return "typedef enum {\n" + filled(pairs) + f"\n}} {name};"
    if name in interface.structures:
        kind, fields = interface.structures[name]
        text = filled([f"{compact(field)};" for field in fields])
        return f"typedef {kind} {name} {{\n{text}\n}} {name};"
    if name in interface.functions:
        result, arguments = interface.functions[name]
        return f"typedef {compact(result)} (*{name})({compact(arguments)});"
    if name in interface.handles:
        return f"typedef struct {name}_T *{name};"
    if name in interface.aliases:
        return f"typedef {interface.aliases[name]} {name};"
    # Names of extensions occur in texts only.
    if name in interface.macros and re.match(r"VK_[A-Z]+_[a-z]", name) is None and re.fullmatch(r"[0-9A-Fa-fxULulf~().]+", interface.macros[name]):
        return f"#define {name} {interface.macros[name]}"
    return None


def filled(parts, indentation="    "):
    """The parts in as few lines as 120 columns allow."""
    lines = [""]
    for part in parts:
        if lines[-1] and len(lines[-1]) + 1 + len(part) > 120:
            lines.append("")
        lines[-1] += " " + part if lines[-1] else indentation + part
    return "\n".join(lines)


def joined(text):
    """The text on one line, where it fits."""
    line = " ".join(part.strip() for part in text.split("\n"))
    return line if len(line) <= 120 else text


def wrapped(text):
    """Breaks a long line after commas."""
    lines = []
    for line in text.split("\n"):
        while len(line) > 120:
            cut = line.rfind(", ", 0, 119)
            if cut < 0:
                break
            lines.append(line[:cut + 1])
            line = "    " + line[cut + 2:]
        lines.append(line)
    return "\n".join(lines)


TABLES = [
    ("HeterodyneVulkanGlobals", "global", "Functions that need no instance.", GLOBAL, []),
    ("HeterodyneVulkanInstanceFunctions", "instance", "Functions of an instance.", INSTANCE, OPTIONAL_INSTANCE),
    ("HeterodyneVulkanDeviceFunctions", "device", "Functions of a device.", DEVICE, []),
]


def write(path, lines):
    with open(os.path.join(OUT, path), "w") as file:
        file.write("\n".join(lines) + "\n")


def main():
    with open(HEADER) as file:
        interface = Interface(file.read() + EXTENSIONS)
    names = wanted_names()
    used = names & set(interface.owners)
    out = [
        "// Heterodyne: the part of the Vulkan interface that the Vulkan backend uses; written by scripts/vulkan_header.py.",
        "// SPDX-License-Identifier: Apache-2.0",
        "#ifndef HETERODYNE_VULKAN_H", "#define HETERODYNE_VULKAN_H", "#include <stddef.h>", "#include <stdint.h>", "",
        "#pragma clang diagnostic ignored \"-Wnullability-completeness\"", "",
        "_Static_assert(sizeof(void *) == 8, \"handles are pointers on machines with 64-bit addresses only\");", "",
    ]
    known = (interface.enumerations, interface.structures, interface.functions, interface.handles, interface.aliases,
             interface.macros, interface.owners)
    roots = {name for name in names if any(name in group for group in known)}
    order = closed(interface, roots)
    texts = [(name, declaration(interface, name, used)) for name in order]
    texts = [(name, text) for name, text in texts if text]
    # What is short and needs little comes first, several on a line.
    for group in (interface.macros, interface.aliases, interface.handles):
        short = [text for name, text in texts if name in group]
        out += short if group is interface.macros else filled(short, "").split("\n")
        texts = [(name, text) for name, text in texts if name not in group]
    tabled = {"PFN_" + name for _, _, _, needed, optional in TABLES for name in needed + optional}
    tabled |= {"PFN_vkGetInstanceProcAddr", "PFN_vkGetDeviceProcAddr"}
    out += [wrapped(joined(text)) for name, text in texts if name not in tabled]
    out += ["", '#include "heterodyne_vulkan_functions.h"', "#endif"]
    write("include/heterodyne_vulkan.h", out)
    out = [
        "// Heterodyne: the Vulkan functions that the Vulkan backend calls; written by scripts/vulkan_header.py.",
        "// SPDX-License-Identifier: Apache-2.0",
        "#ifndef HETERODYNE_VULKAN_FUNCTIONS_H", "#define HETERODYNE_VULKAN_FUNCTIONS_H",
        '#include "heterodyne_vulkan.h"', "", "#ifndef __clang__", "#define _Nonnull", "#define _Nullable", "#endif", "",
    ]
    out += [wrapped(joined(text)) for name, text in texts if name in tabled]
    source = [
        "// Heterodyne: fills the tables of Vulkan functions; written by scripts/vulkan_header.py.",
        "// SPDX-License-Identifier: Apache-2.0", '#include "heterodyne_vulkan.h"', "",
        "typedef struct {", "    const char *name;", "    size_t offset;", "    int optional;", "} Entry;", "",
        "typedef PFN_vkVoidFunction (*Lookup)(void *, const char *);", "",
        "static const char *fill(char *table, const Entry *entries, size_t count, Lookup lookup, void *handle) {",
        "    for (size_t i = 0; i < count; i++) {",
        "        PFN_vkVoidFunction function = lookup(handle, entries[i].name);",
        "        if (!function && !entries[i].optional) return entries[i].name;",
        "        *(PFN_vkVoidFunction *)(table + entries[i].offset) = function;",
        "    }", "    return NULL;", "}",
    ]
    for table, kind, text, functions, optional in TABLES:
        out += ["", f"/// {text}", "typedef struct {"]
        out.append(filled([f"PFN_{name} _Nonnull {name};" for name in functions]
                          + [f"PFN_{name} _Nullable {name};" for name in optional]))
        out += [f"}} {table};", ""]
        function = f"heterodyne_vulkan_load_{kind}"
        lookup = "PFN_vkGetDeviceProcAddr" if kind == "device" else "PFN_vkGetInstanceProcAddr"
        handle = "VkDevice" if kind == "device" else "VkInstance"
        head = f"const char *_Nullable {function}(\n    {table} *_Nonnull table, {lookup} _Nonnull lookup,\n    {handle} _Nullable handle)"
        out += [f"/// Fills the table. Gives the name of the first function that is missing, or NULL.", head + ";"]
        source += ["", f"#define ENTRY(name, optional) {{#name, offsetof({table}, name), optional}}",
                   f"static const Entry {kind}Entries[] = {{"]
        source += [f"    ENTRY({name}, {int(name in optional)})," for name in functions + optional]
        source += ["};", "#undef ENTRY", "", head + " {",
                   f"    return fill((char *)table, {kind}Entries, sizeof {kind}Entries / sizeof *{kind}Entries, "
                   "(Lookup)lookup,", "                handle);", "}"]
    write("include/heterodyne_vulkan_functions.h", out + ["#endif"])
    write("CVulkan.c", source)


if __name__ == "__main__":
    sys.exit(main())
