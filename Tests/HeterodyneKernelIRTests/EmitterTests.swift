// Heterodyne: every operation in every type is valid SPIR-V.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR
import Testing

/// Types that can be computed with.
let arithmeticTypes: [KernelType] = [.i8, .i16, .i32, .i64, .u8, .u16, .u32, .u64, .f16, .f32, .f64]

/// A kernel with every operation that its type has, each result stored.
func everything(_ scalar: KernelType, _ width: Int) throws -> Kernel {
    let k = KernelBuilder("all_\(scalar)_\(width)", workgroup: [4])
    // Three components do not go into buffers.
    let stored = scalar.with(width: width == 3 ? 4 : width)
    let input = k.buffer("input", stored, .readWrite)
    let truths = k.buffer("truths", .bool, .write)
    let i = k.globalID(.x)
    let four = input[i]
    let a = width == 3 ? k.vector(four[0], four[1], four[2]) : four
    let one = k.constant(1, a.type)
    var results: [KernelValue] = [a + one, a - one, a * one, a / one]
    results += [a.minimum(one), a.maximum(one), -a]
    var conditions: [KernelValue] = [a .== one, a .!= one, a .< one]
    conditions += [a .<= one, a .> one, a .>= one]
    if scalar.isFloat {
        results += [a.floor, a.ceiling, a.truncated, a.rounded, a.squareRoot, a.magnitude]
        results.append(k.multiplyAdd(a, one, a))
        conditions += [a.isNaN, a.isInfinite]
    } else {
        results += [a % one, a & one, a | one, a ^ one]
        results += [~a, a << one, a >> one, a >> a]
        if scalar.isSigned { results.append(a.magnitude) }
        if scalar.bits == 32 { results.append(a.bitCount) }
        if scalar == .u32 { results.append(a.highestBit) }
    }
    results.append(k.select(conditions[0] & !conditions[1], a, one))
    results.append(k.select(k.constant(true), a, one))
    for other in arithmeticTypes where other != scalar {
        results.append(a.converted(to: other.scalar).converted(to: scalar.scalar))
    }
    let mixed = conditions[2] | (conditions[3] ^ conditions[4])
    results.append(k.select(mixed, one, a))
    for result in results {
        if width == 1 {
            input[i] = result
        } else {
            let fourth = width > 3 ? result[3] : result[0]
            let third = width > 2 ? result[2] : result[0]
            input[i] = width == 2 ? k.vector(result[0], result[1]) : k.vector(result[0], result[1], third, fourth)
        }
    }
    for condition in conditions { truths[i] = width == 1 ? condition : condition[1] }
    return try k.finish()
}

@Suite("Emission", .enabled(if: Validator.path != nil, Validator.reason))
struct EmitterTests {
    @Test("Every operation, type and width", arguments: arithmeticTypes, [1, 2, 3, 4])
    func operations(type: KernelType, width: Int) throws {
        let kernel = try everything(type, width)
        let isOdd = width % 2 == 1
        try Validator.expectValid(
            kernel,
            SPIRVOptions(
                version: isOdd ? .v13 : .v16, memory: width > 2 ? .addresses : .descriptors,
                multiplyAdd: isOdd ? .fused : .uncontracted))
    }

    @Test("Atomics", arguments: [KernelType.i32, .u32, .i64, .u64, .f32, .f64])
    func atomics(type: KernelType) throws {
        let k = KernelBuilder("atomics", workgroup: [4])
        let data = k.buffer("data", type, .readWrite)
        let shared = k.workgroupArray("shared", type, count: 4)
        let (i, one) = (k.builtin(.localIndex), k.constant(1, type))
        shared[i] = one
        k.barrier(.buffers)
        for target in [data, shared] {
            for operation in AtomicOperator.allCases where !type.isFloat || operation == .add {
                target.atomic(operation, i, one)
            }
            if !type.isFloat { target.compareExchange(i, expected: one, replacement: one) }
        }
        let kernel = try k.finish()
        for memory in SPIRVOptions.Memory.allCases {
            try Validator.expectValid(kernel, SPIRVOptions(memory: memory))
        }
    }

    @Test("Subgroup operations", arguments: arithmeticTypes)
    func subgroups(type: KernelType) throws {
        let k = KernelBuilder("subgroups", workgroup: [8])
        let data = k.buffer("data", type, .readWrite)
        let i = k.globalID(.x)
        let (a, lane) = (data[i], k.builtin(.subgroupLane))
        for operation in SubgroupOperator.allCases {
            for extent in SubgroupExtent.allCases { data[i] = k.subgroup(operation, a, extent) }
        }
        data[i] = k.broadcast(a, lane: k.constant(2, .u32))
        data[i] = k.broadcast(a, lane: k.builtin(.subgroupSize) - 1)
        data[i] = k.shuffle(a, lane: lane ^ lane)
        data[i] = k.shuffleXor(a, mask: k.constant(1, .u32))
        let kernel = try k.finish()
        for version in [SPIRVOptions.Version.v13, .v16] {
            try Validator.expectValid(kernel, SPIRVOptions(version: version))
        }
    }

    @Test("Storage types, bitcasts, tables, specialization, float controls", arguments: SPIRVOptions.Version.allCases)
    func rest(version: SPIRVOptions.Version) throws {
        let k = KernelBuilder("rest", workgroup: [4, 2, 1])
        k.specializeWorkgroup(.x, name: "width", id: 0)
        let half = k.buffer("half", .bf16, .readWrite)
        let pairs = k.buffer("pairs", KernelType(.bfloat16, 2), .readWrite, slot: 0)
        let words = k.buffer("words", .u64, .readWrite)
        let table = k.table("table", .f64, [0, 1, 2])
        let flag = k.specialization("flag", id: 7, .bool, bits: 1)
        let scale = k.specialization("scale", id: 8, .f64, bits: (2.5).bitPattern)
        let offset = k.pushConstant("offset", .i64)
        let narrow = k.pushConstant("narrow", .f32)
        let i = k.globalID(.x).converted(to: .int64) + offset
        half[i] = (half[i].converted(to: .float32) * narrow).converted(to: .bfloat16)
        pairs[i] = pairs[i].converted(to: .float32).converted(to: .bfloat16)
        half[i] = half[i].bitcast(to: .u16).bitcast(to: .bf16)
        let parts = words[i].bitcast(to: KernelType(.uint32, 2))
        words[i] = k.vector(parts[1], parts[0]).bitcast(to: .u64)
        k.if(flag) {
            words[i] = (table[1] * scale).bitcast(to: .u64)
        } else: {
            words[i] = k.builtin(.workgroupSize(.x)).converted(to: .uint64)
        }
        for builtin in [Builtin.workgroupCount(.y), .subgroupCount, .subgroupID, .localID(.z), .workgroupSize(.y)] {
            words[i] = k.builtin(builtin).converted(to: .uint64)
        }
        let kernel = try k.finish()
        let controls = SPIRVOptions.FloatControls(
            roundToNearestEven: [32, 64], preserveDenormals: [64], preserveSpecials: [32])
        for memory in SPIRVOptions.Memory.allCases {
            try Validator.expectValid(
                kernel, SPIRVOptions(version: version, memory: memory, floatControls: controls, names: true))
        }
    }

    @Test(
        "Narrow elements that are only moved are valid in both kinds of memory", arguments: [KernelType.u8, .u16, .f16])
    func movedOnly(element: KernelType) throws {
        let k = KernelBuilder("move", workgroup: [4])
        let (input, output) = (k.buffer("input", element, .read), k.buffer("output", element, .write))
        let i = k.globalID(.x)
        output[i] = input[i]
        let kernel = try k.finish()
        for memory in SPIRVOptions.Memory.allCases {
            for version in [SPIRVOptions.Version.v13, .v15, .v16] {
                try Validator.expectValid(kernel, SPIRVOptions(version: version, memory: memory))
            }
        }
        let narrow = [
            "Shader", "StorageBuffer8BitAccess", "StorageBuffer16BitAccess", "PhysicalStorageBufferAddresses",
        ]
        _ = try kernel.spirv(SPIRVOptions(memory: .addresses, capabilities: Set(narrow)))
    }

    @Test("Only the capabilities that are needed, and no other than allowed")
    func capabilities() throws {
        let k = KernelBuilder("widen", workgroup: [4])
        let input = k.buffer("input", .f16, .read)
        let output = k.buffer("output", .f32, .write)
        let i = k.globalID(.x)
        output[i] = input[i].converted(to: .float32)
        let kernel = try k.finish()
        #expect(try kernel.spirv().capabilities == ["Shader", "StorageBuffer16BitAccess"])
        try Validator.expectValid(kernel, SPIRVOptions())
        #expect(
            throws: KernelError.missingCapability(
                "the kernel widen needs the SPIR-V capability StorageBuffer16BitAccess")
        ) { try kernel.spirv(SPIRVOptions(capabilities: ["Shader"])) }
    }
}
