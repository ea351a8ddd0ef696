// Heterodyne: the Vulkan instance, made once for each set of options.
// SPDX-License-Identifier: Apache-2.0

import CVulkan
import HeterodyneBackend
import Synchronization

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A Vulkan instance. It lives as long as the process: drivers do not like to be unloaded.
final class VulkanInstance: @unchecked Sendable {
    // Unchecked: everything is constant after `init`; Vulkan's instance functions in use may be called from any thread.

    let library: VulkanLibrary
    let handle: VkInstance
    let functions: HeterodyneVulkanInstanceFunctions
    /// What the validation layer said.
    let messages: ValidationMessages
    /// Whether the validation layer watches.
    let isValidating: Bool

    static let validationLayer = "VK_LAYER_KHRONOS_validation"

    private struct Key: Hashable {
        var names: [String]
        var validation: VulkanOptions.ValidationMode
        var prints: Bool
    }
    private static let made = Mutex<[Key: VulkanInstance]>([:])

    /// The instance for the options. A failure is not remembered, so that it can be mended and tried again.
    static func shared(_ options: VulkanOptions) throws(BackendError) -> VulkanInstance {
        let library = try VulkanLibrary.load(options.libraryNames)
        let key = Key(
            names: options.libraryNames, validation: options.validation, prints: options.printsValidation)
        let result: Result<VulkanInstance, BackendError> = made.withLock { known in
            if let instance = known[key] { return .success(instance) }
            do throws(BackendError) {
                let instance = try VulkanInstance(
                    library, validation: options.validation, prints: options.printsValidation)
                known[key] = instance
                return .success(instance)
            } catch { return .failure(error) }
        }
        return try result.get()
    }

    private init(
        _ library: VulkanLibrary, validation: VulkanOptions.ValidationMode, prints: Bool
    ) throws(BackendError) {
        self.library = library
        let messages = ValidationMessages(prints: prints)
        self.messages = messages
        var layers: [String] = []
        var extensions: [String] = []
        let offered = Self.extensions(library)
        // Devices that are emulated on top of another interface are listed only where this is asked for.
        let portability = offered.contains("VK_KHR_portability_enumeration")
        if portability { extensions.append("VK_KHR_portability_enumeration") }
        if validation != .off {
            guard Self.layers(library).contains(Self.validationLayer), offered.contains("VK_EXT_debug_utils") else {
                throw BackendError(
                    .libraryUnavailable,
                    "the validation layer was asked for, but is not there: install vulkan-validationlayers or unset"
                        + " HETERODYNE_VULKAN_VALIDATION", device: VulkanBackend.firstDevice)
            }
            layers.append(Self.validationLayer)
            extensions.append("VK_EXT_debug_utils")
        }
        isValidating = validation != .off

        let chain = StructureChain()
        var messenger = VkDebugUtilsMessengerCreateInfoEXT()
        messenger.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT
        messenger.messageSeverity =
            VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT.rawValue
            | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT.rawValue
        messenger.messageType =
            VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT.rawValue
            | VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT.rawValue
        messenger.pfnUserCallback = { _, _, data, user in
            guard let user, let text = data?.pointee.pMessage else { return 0 }
            Unmanaged<ValidationMessages>.fromOpaque(user).takeUnretainedValue().append(String(cString: text))
            return 0
        }
        messenger.pUserData = Unmanaged.passUnretained(messages).toOpaque()
        let enabled = UnsafeMutablePointer<VkValidationFeatureEnableEXT>.allocate(capacity: 1)
        enabled.initialize(to: VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT)
        defer { enabled.deallocate() }
        if isValidating { chain.append(messenger) }
        if validation == .synchronization {
            var features = VkValidationFeaturesEXT()
            features.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT
            features.enabledValidationFeatureCount = 1
            features.pEnabledValidationFeatures = UnsafePointer(enabled)
            chain.append(features)
        }

        var application = VkApplicationInfo()
        application.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO
        application.apiVersion = VulkanVersion(1, 3).packed
        var info = VkInstanceCreateInfo()
        info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO
        info.pNext = UnsafeRawPointer(chain.head)
        if portability { info.flags = VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR.rawValue }
        var instance: VkInstance?
        let result = "heterodyne".withCString { name in
            withCStrings(layers) { layers in
                withCStrings(extensions) { extensions in
                    application.pApplicationName = name
                    application.pEngineName = name
                    return withUnsafePointer(to: application) { application in
                        info.pApplicationInfo = application
                        info.enabledLayerCount = UInt32(layers.count)
                        info.ppEnabledLayerNames = layers.baseAddress
                        info.enabledExtensionCount = UInt32(extensions.count)
                        info.ppEnabledExtensionNames = extensions.baseAddress
                        return library.functions.vkCreateInstance(&info, nil, &instance)
                    }
                }
            }
        }
        guard result == VK_SUCCESS, let instance else {
            // Without a driver there is no instance: then it is the drivers that are looked into.
            throw BackendError(
                result == VK_ERROR_INCOMPATIBLE_DRIVER ? .deviceUnavailable : .libraryUnavailable,
                "\(library.name) makes no instance: \(result.name)",
                device: VulkanBackend.firstDevice)
        }
        handle = instance
        let table = UnsafeMutablePointer<HeterodyneVulkanInstanceFunctions>.allocate(capacity: 1)
        defer { table.deallocate() }
        if let missing = heterodyne_vulkan_load_instance(table, library.getInstanceProcAddr, instance) {
            throw BackendError(
                .libraryUnavailable, "\(library.name) has no function \(String(cString: missing))",
                device: VulkanBackend.firstDevice)
        }
        functions = table.pointee
        if isValidating {
            messenger.pNext = nil
            var registered: VkDebugUtilsMessengerEXT?
            _ = functions.vkCreateDebugUtilsMessengerEXT?(instance, &messenger, nil, &registered)
        }
    }

    /// The physical devices. Throws `deviceUnavailable` where the drivers fail.
    func physicalDevices() throws(BackendError) -> [VkPhysicalDevice] {
        switch enumerated(VkPhysicalDevice?.none, { self.functions.vkEnumeratePhysicalDevices(self.handle, $0, $1) }) {
        case .success(let list): return list.compactMap(\.self)
        case .failure(let failure):
            throw BackendError(
                .deviceUnavailable, "the drivers list no devices: \(failure.result.name)",
                device: VulkanBackend.firstDevice)
        }
    }

    private static func extensions(_ library: VulkanLibrary) -> Set<String> {
        let list = enumerated(VkExtensionProperties()) {
            library.functions.vkEnumerateInstanceExtensionProperties(nil, $0, $1)
        }
        return Set(((try? list.get()) ?? []).map { text($0.extensionName) })
    }

    private static func layers(_ library: VulkanLibrary) -> Set<String> {
        let list = enumerated(VkLayerProperties()) {
            library.functions.vkEnumerateInstanceLayerProperties($0, $1)
        }
        return Set(((try? list.get()) ?? []).map { text($0.layerName) })
    }
}

/// What the validation layer said.
final class ValidationMessages: Sendable {
    private let list = Mutex<[String]>([])
    private let prints: Bool
    /// A run that says more has said enough.
    private static let most = 1000

    init(prints: Bool) { self.prints = prints }

    func append(_ text: String) {
        list.withLock { if $0.count < Self.most { $0.append(text) } }
        guard prints else { return }
        let line = Array("heterodyne: vulkan validation: \(text)\n".utf8)
        _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
    /// The messages since the last call.
    func take() -> [String] {
        list.withLock { list in
            defer { list = [] }
            return list
        }
    }
}

/// Calls `body` with the texts as C strings.
func withCStrings<R>(_ texts: [String], _ body: (UnsafeBufferPointer<UnsafePointer<CChar>?>) -> R) -> R {
    let copies = texts.map { text in
        let bytes = Array(text.utf8CString)
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        copy.initialize(from: bytes, count: bytes.count)
        return copy
    }
    defer { for copy in copies { copy.deallocate() } }
    let pointers = copies.map { copy in Optional(UnsafePointer(copy)) }
    return pointers.withUnsafeBufferPointer(body)
}
