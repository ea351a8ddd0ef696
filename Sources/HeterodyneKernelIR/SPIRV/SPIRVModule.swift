// Heterodyne: SPIR-V modules and how to emit them.
// SPDX-License-Identifier: Apache-2.0

/// Choices of the emission; the kernel stays the same.
public struct SPIRVOptions: Hashable, Sendable {
    /// Versions of SPIR-V.
    public enum Version: UInt32, Hashable, Sendable, CaseIterable, Comparable {
        /// SPIR-V 1.3, Vulkan 1.1.
        case v13 = 0x10300
        /// SPIR-V 1.4.
        case v14 = 0x10400
        /// SPIR-V 1.5, Vulkan 1.2.
        case v15 = 0x10500
        /// SPIR-V 1.6, Vulkan 1.3.
        case v16 = 0x10600

        /// Older before newer.
        public static func < (a: Version, b: Version) -> Bool { a.rawValue < b.rawValue }
    }

    /// How kernels reach buffers.
    public enum Memory: Hashable, Sendable, CaseIterable {
        /// Storage-buffer descriptors in set 0; the binding is the slot.
        case descriptors
        /// 64-bit addresses at the start of the push constants, one for each slot in ascending order.
        case addresses
    }

    /// What a b + c becomes.
    public enum MultiplyAdd: Hashable, Sendable, CaseIterable {
        /// One rounding.
        case fused
        /// A rounded product and a rounded sum.
        case uncontracted
    }

    /// Behaviour of floats that the module demands; the numbers are widths in bits (16, 32, 64).
    public struct FloatControls: Hashable, Sendable {
        /// Widths that round to nearest, ties to even.
        public var roundToNearestEven: Set<Int>
        /// Widths that keep denormals.
        public var preserveDenormals: Set<Int>
        /// Widths that keep -0, infinities and NaN.
        public var preserveSpecials: Set<Int>

        /// Demands nothing unless told.
        public init(
            roundToNearestEven: Set<Int> = [], preserveDenormals: Set<Int> = [], preserveSpecials: Set<Int> = []
        ) {
            self.roundToNearestEven = roundToNearestEven
            self.preserveDenormals = preserveDenormals
            self.preserveSpecials = preserveSpecials
        }
    }

    /// The version of the module.
    public var version: Version
    /// How kernels reach buffers.
    public var memory: Memory
    /// What a b + c becomes.
    public var multiplyAdd: MultiplyAdd
    /// Behaviour of floats.
    public var floatControls: FloatControls
    /// Names of the SPIR-V capabilities that the device has; nil allows all. Needing another one is an error.
    public var capabilities: Set<String>?
    /// Whether to write names for debuggers.
    public var names: Bool
    /// Whether buffers of 32-bit numbers that are only read are read as texels where they are bound by descriptors. Drivers
    /// that run on a CPU gather texels in straight code, but load from storage buffers lane by lane.
    public var texels: Bool

    /// SPIR-V 1.5 through descriptors with fused multiply-add unless told otherwise.
    public init(
        version: Version = .v15, memory: Memory = .descriptors, multiplyAdd: MultiplyAdd = .fused,
        floatControls: FloatControls = FloatControls(), capabilities: Set<String>? = nil, names: Bool = false,
        texels: Bool = false
    ) {
        self.version = version
        self.memory = memory
        self.multiplyAdd = multiplyAdd
        self.floatControls = floatControls
        self.capabilities = capabilities
        self.names = names
        self.texels = texels
    }
}

/// Where the caller puts what into the push constants.
public struct PushConstantLayout: Hashable, Sendable {
    /// For each slot, ascending: the byte offset of the buffer's address. Empty with descriptors.
    public var addresses: [Int: Int] = [:]
    /// For each push constant of the kernel: its byte offset.
    public var constants: [Int] = []
    /// Bytes in all.
    public var byteCount = 0
}

/// A buffer that a module reads as texels.
public struct TexelBinding: Hashable, Sendable {
    /// The binding in set 0. Storage buffers have their slots; these come after `firstBinding`.
    public var binding: Int
    /// The slot whose memory it shows.
    public var slot: Int
    /// A texel: 1, 2 or 4 components of f32, i32 or u32.
    public var element: KernelType

    /// A buffer that is read as texels.
    public init(binding: Int, slot: Int, element: KernelType) {
        self.binding = binding
        self.slot = slot
        self.element = element
    }

    /// Beyond every slot.
    public static let firstBinding = 4096
    /// The most of a module; every device has room for them.
    public static let mostPerModule = 16
}

/// A SPIR-V module in binary form.
public struct SPIRVModule: Hashable, Sendable {
    /// The words, in the byte order of the machine.
    public var words: [UInt32]
    /// The capabilities that it declares, by name.
    public var capabilities: [String]
    /// The extensions that it declares.
    public var extensions: [String]
    /// What the push constants hold.
    public var pushConstants: PushConstantLayout
    /// The uniform texel buffers, by binding; beside the storage buffers.
    public var texels: [TexelBinding]

    /// The words as bytes, little-endian, as tools read them.
    public var bytes: [UInt8] {
        words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }
}

extension Kernel {
    /// The kernel as a SPIR-V module. Verifies it first.
    public func spirv(_ options: SPIRVOptions = SPIRVOptions()) throws(KernelError) -> SPIRVModule {
        try verify()
        var emitter = SPIRVEmitter(kernel: self, options: options)
        return try emitter.module()
    }
}
