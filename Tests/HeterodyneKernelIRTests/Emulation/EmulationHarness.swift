// Heterodyne: runs a kernel as it is and without 64-bit numbers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import Testing

@testable import HeterodyneKernelIR

/// A function of two numbers of one type, in a kernel out[i] = f(a[i], b[i]).
struct EmulatedFunction: Sendable, CustomTestStringConvertible {
    let name: String
    let formula: @Sendable (KernelBuilder, KernelValue, KernelValue) -> KernelValue
    var testDescription: String { name }

    init(_ name: String, _ formula: @escaping @Sendable (KernelBuilder, KernelValue, KernelValue) -> KernelValue) {
        self.name = name
        self.formula = formula
    }

    /// The kernel over vectors of `width` components.
    func kernel(_ type: KernelType) throws -> Kernel {
        let k = KernelBuilder("emulated", workgroup: [8])
        let (a, b) = (k.buffer("a", type, .read), k.buffer("b", type, .read))
        let n = k.pushConstant("n", .u32)
        let i = k.globalID(.x)
        var result: KernelType?
        // The type of the result is known once the formula is written; the buffer is declared before it is used.
        k.if(i .< n) {
            let value = formula(k, a[i], b[i])
            let type = value.type.scalar == .bool ? value.type.with(scalar: .uint32) : value.type
            result = type
            let out = k.buffer("out", type, .write)
            out[i] = value.type.scalar == .bool ? value.converted(to: .uint32) : value
        }
        #expect(result != nil)
        return try k.finish()
    }
}

/// How kernels are run with and without emulation.
struct EmulationHarness {
    var types: Set<ScalarType>
    var options = EmulationOptions(fuses: true)
    var floats = FloatBehaviour.exact

    /// The content of the last slot after a run.
    func run(
        _ kernel: Kernel, _ inputs: [[UInt8]], resultByteCount: Int, groups: Int, push: [UInt64] = [],
        specializations: [UInt32: UInt64] = [:], floats: FloatBehaviour = .exact, fuses: Bool = true
    ) throws -> [UInt8] {
        let interpreter = KernelInterpreter(multiplyAdd: fuses ? .fused : .uncontracted, floats: floats)
        var buffers: [Int: [UInt8]] = [:]
        for (slot, bytes) in inputs.enumerated() { buffers[slot] = bytes }
        buffers[inputs.count] = [UInt8](repeating: 0, count: resultByteCount)
        try interpreter.run(
            kernel, groups: [groups], buffers: &buffers, pushConstants: push, specializations: specializations)
        return try #require(buffers[inputs.count])
    }

    /// The results of a kernel as it is and emulated; expects that the emulated one has nothing of the types left and
    /// is valid SPIR-V.
    func both(
        _ kernel: Kernel, _ inputs: [[UInt8]], resultByteCount: Int, groups: Int, push: [UInt64] = [],
        validates: Bool = true
    ) throws -> (native: [UInt8], emulated: [UInt8]) {
        let lowered = try kernel.emulating(types, options)
        #expect(!lowered.usesAny(types), "\(lowered)")
        if validates {
            for version in [SPIRVOptions.Version.v13, .v16] {
                try Validator.expectValid(lowered, SPIRVOptions(version: version))
            }
            let module = try lowered.spirv()
            if types.contains(.float64) { #expect(!module.capabilities.contains("Float64")) }
            if types.contains(.int64), !options.hasInt64 { #expect(!module.capabilities.contains("Int64")) }
        }
        return (
            try run(kernel, inputs, resultByteCount: resultByteCount, groups: groups, push: push),
            try run(
                lowered, inputs, resultByteCount: resultByteCount, groups: groups, push: push, floats: floats,
                fuses: options.fuses)
        )
    }
}

extension Kernel {
    /// Whether a declaration or a value that is defined has one of the types.
    func usesAny(_ scalars: Set<ScalarType>) -> Bool {
        var copy = self
        copy.types = definedTypes(body)
        return copy.uses(scalars)
    }

    private func definedTypes(_ statements: [Statement]) -> [KernelType] {
        statements.flatMap { statement -> [KernelType] in
            switch statement {
            case .define(let id, _, _): [types[id.index]]
            case .store, .barrier, .matrix: []
            case .conditional(_, let then, let otherwise): definedTypes(then) + definedTypes(otherwise)
            case .loop(let counter, _, _, _, let body): [types[counter.index]] + definedTypes(body)
            case .whileLoop(let before, _, let body): definedTypes(before) + definedTypes(body)
            }
        }
    }
}

/// A list of numbers as bytes, and back.
enum Bytes {
    static func of<T: BitwiseCopyable>(_ list: [T]) -> [UInt8] { list.withUnsafeBytes { Array($0) } }
    static func list<T: BitwiseCopyable>(_ bytes: [UInt8], as type: T.Type) -> [T] {
        bytes.withUnsafeBytes { Array($0.bindMemory(to: T.self)) }
    }
}

/// A sequence that is the same on every machine.
struct Sequence64 {
    var state: UInt64

    init(_ seed: UInt64 = 0x9e37_79b9_7f4a_7c15) { state = seed }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let mixed = (state ^ (state >> 29)) &* 0xbf58_476d_1ce4_e5b9
        return mixed ^ (mixed >> 32)
    }
}
