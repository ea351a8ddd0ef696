// Heterodyne: runs the launches of row kernels in the interpreter.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR
import HeterodyneReference
import Testing

@testable import HeterodyneVulkan

/// A sink whose blocks tests can fill and read.
protocol TestSink: KernelSink {
    /// A block with given bytes.
    func input(_ bytes: [UInt8], _ extents: [Int], _ type: ScalarType) throws(BackendError) -> StridedView
    /// The bytes of a view in row-major order.
    func bytes(_ view: StridedView) throws(BackendError) -> [UInt8]
    /// How many launches there were.
    var launches: Int { get }
}

/// Runs each launch at once in the interpreter, with the memory of blocks in arrays.
final class InterpreterSink: TestSink {
    let target: KernelTarget
    private(set) var blocks: [[UInt8]] = []
    private(set) var launches = 0

    init(_ target: KernelTarget) { self.target = target }

    func newResult(_ extents: [Int], _ type: ScalarType) -> StridedView {
        let view = StridedView(dense: blocks.count, extents: extents, type: type)
        // Elements that nobody writes are seen.
        blocks.append([UInt8](repeating: 0xA5, count: view.byteCount))
        return view
    }

    func input(_ bytes: [UInt8], _ extents: [Int], _ type: ScalarType) -> StridedView {
        blocks.append(bytes)
        return StridedView(dense: blocks.count - 1, extents: extents, type: type)
    }

    func copied(_ view: StridedView) throws(BackendError) -> StridedView {
        let result = newResult(view.extents, view.type)
        try emitCopy(from: view, to: result)
        return result
    }

    func emitCopy(from: StridedView, to: StridedView) throws(BackendError) {
        let size = from.elementSize
        for (a, b) in zip(from.allOffsets, to.allOffsets) {
            for byte in 0..<size { blocks[to.root][b * size + byte] = blocks[from.root][a * size + byte] }
        }
    }

    func emitFill(_ view: StridedView, bits: UInt64) throws(BackendError) {
        let size = view.elementSize
        for offset in view.allOffsets {
            for byte in 0..<size {
                blocks[view.root][offset * size + byte] = UInt8(truncatingIfNeeded: bits >> UInt64(8 * byte))
            }
        }
    }

    func emit(
        _ recipe: some KernelRecipe, _ accesses: [Access], constants: [PushValue], grid: Grid, work: Double,
        _ description: @autoclosure () -> String
    ) throws(BackendError) {
        launches += 1
        do {
            let kernel = try recipe.build(for: target)
            #expect(accesses.count <= target.maximumBuffers)
            #expect(constants.map(\.byteCount).reduce(0, +) <= target.maximumPushConstantByteCount)
            #expect(kernel.workgroupExtent(.x) <= UInt32(target.maximumWorkgroupInvocations))
            _ = try kernel.spirv(target.spirv)
            var slots: [Int: [UInt8]] = [:]
            for (slot, access) in accesses.enumerated() {
                let range = access.view.bound
                slots[slot] = Array(blocks[access.view.root][range.byteOffset..<range.byteOffset + range.byteCount])
            }
            try KernelInterpreter(subgroupSize: target.subgroupSize).run(
                kernel, groups: [grid.x, grid.y, grid.z], buffers: &slots, pushConstants: constants.map(\.bits))
            for (slot, access) in accesses.enumerated() where access.kind != .read {
                let range = access.view.bound
                blocks[access.view.root].replaceSubrange(
                    range.byteOffset..<range.byteOffset + range.byteCount, with: slots[slot] ?? [])
            }
        } catch {
            throw BackendError(.executionFailed, "\(description()): \(error)")
        }
    }

    func bytes(_ view: StridedView) -> [UInt8] {
        let size = view.elementSize
        return view.allOffsets.flatMap { blocks[view.root][$0 * size..<($0 + 1) * size] }
    }
}

extension StridedView {
    /// Where the elements lie, in row-major order.
    var allOffsets: [Int] {
        var result = extents.contains(0) ? [] : [offset]
        for d in 0..<rank where !result.isEmpty {
            result = result.flatMap { base in (0..<extents[d]).map { base + $0 * strides[d] } }
        }
        return result
    }
}

/// Numbers without pattern, the same on every run.
struct Dice {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

    /// Sebastiano Vigna's splitmix64.
    mutating func bits() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// Uniform in [-1, 1).
    mutating func number() -> Double { Double(Int64(bitPattern: bits()) >> 11) * 0x1p-52 }

    /// The bytes of random elements: numbers of moderate size for floats, few different ones if `coarse`.
    mutating func elements(_ type: ScalarType, _ count: Int, coarse: Bool = false) -> [UInt8] {
        var bytes: [UInt8] = []
        let size = max(1, type.bitWidth / 8)
        for _ in 0..<count {
            var word: UInt64
            if type.isFloatingPoint {
                word = type.bits(of: coarse ? (number() * 4).rounded() : number() * 4)
            } else {
                word = coarse ? bits() % 5 : bits()
            }
            if type == .bool { word &= 1 }
            for byte in 0..<size { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * byte))) }
        }
        return bytes
    }
}

/// Where row kernels are tested: the interpreter for several targets, and the first Vulkan device.
enum RowPlace: String, CaseIterable {
    case gpu, software, least, withoutShuffle, device

    /// The interpreted targets.
    static let interpreted: [RowPlace] = [.gpu, .software, .least, .withoutShuffle]
    /// All places; the device only where there is one.
    static let available: [RowPlace] = DeviceRunner.isAvailable ? allCases : interpreted

    /// Every type on the device; `few` of them in the interpreter, which takes its time.
    static func pairs(_ types: [ScalarType], few: [ScalarType]) -> [(RowPlace, ScalarType)] {
        available.flatMap { place in (place == .device ? types : few).map { (place, $0) } }
    }

    /// Whether a case of so many elements is run here: the interpreter takes its time, so that most of its cases are
    /// small.
    func takes(_ extents: [Int], _ type: ScalarType) -> Bool {
        let count = Strides.count(extents)
        return self == .device || count <= 200 || type == .float32 && self != .withoutShuffle && count <= 2_000
    }

    /// A sink without blocks.
    func sink() throws -> any TestSink {
        switch self {
        case .gpu: InterpreterSink(.gpu)
        case .software: InterpreterSink(.software)
        case .least: InterpreterSink(.least)
        case .withoutShuffle: InterpreterSink(.withoutShuffle)
        case .device: try DeviceSink()
        }
    }
}

extension KernelTarget {
    /// Subgroups that add, but do not shuffle.
    static var withoutShuffle: KernelTarget {
        var target = gpu
        target.features.remove(.subgroupShuffle)
        target.subgroupSize = 16
        return target
    }
}

extension Literal {
    /// A literal of given element bytes.
    static func of(_ bytes: [UInt8], _ extents: [Int], _ type: ScalarType) throws -> Literal {
        let storage = LiteralStorage(count: bytes.count) { $0.copyBytes(from: bytes) }
        return try Literal(type: TensorType(type, Shape(extents.map { .fixed($0) })), storage: storage)
    }

    /// The bits of every element.
    var elements: [UInt64] {
        get throws { (0..<(try type.elementCount())).map(bits(at:)) }
    }

    /// Every element as a number.
    var numbers: [Double] {
        get throws { try elements.map(type.scalarType.number(fromBits:)) }
    }
}

/// The results of a graph on the reference backend's evaluator, the oracle of these tests.
func reference(
    _ inputs: [Literal], _ body: (GraphBuilder, [Term]) throws(GraphError) -> [Term]
) throws -> [Literal] {
    let graph = try GraphBuilder.region(inputs.map(\.type), body)
    return try ReferenceEvaluator(options: EvaluationOptions()).evaluate(graph, inputs: inputs)
}

/// 2^-p of the type's rounding, relative.
func unitRoundoff(_ type: ScalarType) -> Double {
    switch type {
    case .float16: 0x1p-11
    case .bfloat16: 0x1p-8
    case .float32: 0x1p-24
    default: 0x1p-53
    }
}
