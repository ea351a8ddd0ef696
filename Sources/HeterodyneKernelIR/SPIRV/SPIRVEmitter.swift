// Heterodyne: emits a verified kernel as SPIR-V; the frame of the module.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// Writes one module. Sections are collected apart, because the body decides what the head declares.
struct SPIRVEmitter {
    let kernel: Kernel
    let options: SPIRVOptions

    var nextID: UInt32 = 1
    var capabilities: Set<SPIRVCapability> = [.shader]
    var extensions: Set<String> = []
    var debugNames: [UInt32] = []
    var decorations: [UInt32] = []
    var globals: [UInt32] = []
    var locals: [UInt32] = []
    var code: [UInt32] = []
    /// Types and constants that exist, by their words without the result.
    var known: [[UInt32]: UInt32] = [:]
    var interface: [UInt32] = []
    var inputs: [SPIRVBuiltIn: UInt32] = [:]
    var extendedInstructions: UInt32?
    var layout = PushConstantLayout()

    /// The SPIR-V ids of the kernel's values and declarations.
    var values: [UInt32]
    var constantBits: [ValueID: UInt64] = [:]
    var specializations: [UInt32] = []
    var bufferBases: [UInt32] = []
    /// The images through which buffers are read, by buffer.
    var texelImages: [Int: (type: UInt32, variable: UInt32)] = [:]
    var texels: [TexelBinding] = []
    var pushBlock: UInt32 = 0
    var pushMembers: [UInt32] = []
    var workgroupArrays: [UInt32] = []
    var tables: [UInt32] = []
    var variables: [UInt32] = []
    var matrices: [UInt32] = []
    /// The block that `code` ends in.
    var currentLabel: UInt32 = 0

    init(kernel: Kernel, options: SPIRVOptions) {
        self.kernel = kernel
        self.options = options
        values = [UInt32](repeating: 0, count: kernel.types.count)
    }

    static func append(_ opcode: Opcode, _ operands: [UInt32], to list: inout [UInt32]) {
        list.append(UInt32(truncatingIfNeeded: operands.count + 1) << 16 | UInt32(opcode.rawValue))
        list += operands
    }

    static func string(_ text: String) -> [UInt32] {
        var words = [UInt32](repeating: 0, count: text.utf8.count / 4 + 1)
        for (index, byte) in text.utf8.enumerated() { words[index / 4] |= UInt32(byte) << UInt32(index % 4 * 8) }
        return words
    }

    mutating func newID() -> UInt32 {
        defer { nextID += 1 }
        return nextID
    }

    mutating func require(_ capability: SPIRVCapability, _ needed: String? = nil) {
        capabilities.insert(capability)
        if let needed { extensions.insert(needed) }
    }

    mutating func decorate(_ id: UInt32, _ decoration: SPIRVDecoration, _ operands: [UInt32] = []) {
        Self.append(.decorate, [id, decoration.rawValue] + operands, to: &decorations)
    }

    mutating func name(_ id: UInt32, _ text: String) {
        if options.names { Self.append(.name, [id] + Self.string(text), to: &debugNames) }
    }

    /// Appends an instruction with a result to the body.
    mutating func emit(_ opcode: Opcode, _ type: UInt32, _ operands: [UInt32]) -> UInt32 {
        let id = newID()
        Self.append(opcode, [type, id] + operands, to: &code)
        return id
    }

    /// Appends an instruction without a result to the body.
    mutating func emit(_ opcode: Opcode, _ operands: [UInt32]) { Self.append(opcode, operands, to: &code) }

    mutating func extended(_ instruction: GLSLInstruction, _ type: UInt32, _ operands: [UInt32]) -> UInt32 {
        let set = extendedInstructions ?? newID()
        extendedInstructions = set
        return emit(.extInst, type, [set, instruction.rawValue] + operands)
    }

    mutating func startBlock(_ label: UInt32) {
        emit(.label, [label])
        currentLabel = label
    }

    // MARK: The module

    mutating func module() throws(KernelError) -> SPIRVModule {
        let entry = newID()
        let (void, label) = (type(.typeVoid, []), newID())
        let signature = type(.typeFunction, [void])
        try declareSpecializations()
        try declareMemory()
        declareMatrices()
        startBlock(label)
        loadAddresses()
        try block(kernel.body)
        emit(.return, [])
        emit(.functionEnd, [])

        if usesVulkanMemoryModel {
            require(.vulkanMemoryModel)
            if options.version < .v15 { extensions.insert("SPV_KHR_vulkan_memory_model") }
        }
        let modes = try executionModes(entry)
        if options.version < .v14,
            capabilities.contains(.roundingModeRTE) || capabilities.contains(.denormPreserve)
                || capabilities.contains(.signedZeroInfNanPreserve)
        {
            extensions.insert("SPV_KHR_float_controls")
        }
        let names = capabilities.map(Self.name).sorted()
        if let allowed = options.capabilities {
            for name in names where !allowed.contains(name) {
                throw .missingCapability("the kernel \(kernel.name) needs the SPIR-V capability \(name)")
            }
        }
        var words: [UInt32] = [0x0723_0203, options.version.rawValue, 0, nextID, 0]
        for capability in capabilities.sorted(by: { $0.rawValue < $1.rawValue }) {
            Self.append(.capability, [capability.rawValue], to: &words)
        }
        for text in extensions.sorted() { Self.append(.extension, Self.string(text), to: &words) }
        if let set = extendedInstructions {
            Self.append(.extInstImport, [set] + Self.string("GLSL.std.450"), to: &words)
        }
        // Logical or 64-bit physical storage buffer addressing; the memory model of GLSL450 (1) or Vulkan (3).
        Self.append(.memoryModel, [options.memory == .addresses ? 5348 : 0, usesVulkanMemoryModel ? 3 : 1], to: &words)
        // 5: compute
        Self.append(.entryPoint, [5, entry] + Self.string(kernel.name) + interface, to: &words)
        words += modes + debugNames + decorations + globals
        Self.append(.function, [void, entry, 0, signature], to: &words)
        // The variables stand behind the label of the first block.
        words += code.prefix(2) + locals + code.dropFirst(2)
        return SPIRVModule(
            words: words, capabilities: names, extensions: extensions.sorted(), pushConstants: layout, texels: texels)
    }

    static func name(_ capability: SPIRVCapability) -> String {
        let text = "\(capability)"
        return text.prefix(1).uppercased() + text.dropFirst()
    }

    mutating func workgroupEdge(_ edge: WorkgroupEdge) -> UInt32 {
        switch edge {
        case .fixed(let count): constant(UInt64(count), .u32)
        case .specialization(let index): specializations[index]
        }
    }

    mutating func executionModes(_ entry: UInt32) throws(KernelError) -> [UInt32] {
        var modes: [UInt32] = []
        let isFixed = kernel.workgroup.allSatisfy { edge in
            if case .fixed = edge { true } else { false }
        }
        if isFixed {
            let sizes = Axis.allCases.map(kernel.workgroupExtent)
            Self.append(.executionMode, [entry, SPIRVExecutionMode.localSize.rawValue] + sizes, to: &modes)
        } else {
            var edges: [UInt32] = []
            for edge in kernel.workgroup { edges.append(workgroupEdge(edge)) }
            if options.version >= .v16 {
                let mode = SPIRVExecutionMode.localSizeId.rawValue
                Self.append(.executionModeId, [entry, mode] + edges, to: &modes)
            } else {
                // Before SPIR-V 1.6, Vulkan takes specialized sizes through a decorated constant only.
                let sizes = Axis.allCases.map(kernel.workgroupExtent)
                Self.append(.executionMode, [entry, SPIRVExecutionMode.localSize.rawValue] + sizes, to: &modes)
                let id = newID()
                let vector = typeID(KernelType(.uint32, 3))
                Self.append(.specConstantComposite, [vector, id] + edges, to: &globals)
                decorate(id, .builtIn, [SPIRVBuiltIn.workgroupSize.rawValue])
            }
        }
        let controls: [(Set<Int>, SPIRVExecutionMode, SPIRVCapability)] = [
            (options.floatControls.roundToNearestEven, .roundingModeRTE, .roundingModeRTE),
            (options.floatControls.preserveDenormals, .denormPreserve, .denormPreserve),
            (options.floatControls.preserveSpecials, .signedZeroInfNanPreserve, .signedZeroInfNanPreserve),
        ]
        for (widths, mode, capability) in controls {
            for width in widths.sorted() {
                guard [16, 32, 64].contains(width) else {
                    throw .invalidDeclaration("float controls for \(width) bits: 16, 32 or 64 are possible")
                }
                require(capability)
                Self.append(.executionMode, [entry, mode.rawValue, UInt32(width)], to: &modes)
            }
        }
        return modes
    }
}
