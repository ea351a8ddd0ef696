// Heterodyne: runs launches in the interpreter, with their operands bound as the recorder binds them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR
import Testing

@testable import HeterodyneVulkan

/// Blocks of memory and launches on them, in the interpreter or on a device.
struct LaunchRunner {
    let target: KernelTarget
    /// Where launches run; the interpreter where nil.
    let device: DeviceRunner?
    /// The bytes of the blocks, by root.
    private(set) var memory: [[UInt8]] = []

    init(_ place: LaunchPlace) {
        target = place.target
        device = place == .device ? try? DeviceRunner.shared : nil
    }

    /// A new block with the elements of a literal after `padding` elements, as a dense view.
    mutating func place(_ literal: Literal, padding: Int = 0) throws -> StridedView {
        let type = literal.type.scalarType
        let size = max(1, type.bitWidth / 8)
        var bytes = [UInt8](repeating: 0xA5, count: padding * size)
        let count = try literal.type.elementCount()
        for i in 0..<count {
            let bits = literal.bits(at: i)
            for byte in 0..<size { bytes.append(UInt8(truncatingIfNeeded: bits >> UInt64(8 * byte))) }
        }
        memory.append(bytes)
        let extents = try literal.type.shape.extents()
        return StridedView(
            root: memory.count - 1, offset: padding, extents: extents, strides: Strides.dense(extents), type: type)
    }

    /// A new block of bytes that no result should keep.
    mutating func block(_ extents: [Int], _ type: ScalarType) -> StridedView {
        let view = StridedView(dense: memory.count, extents: extents, type: type)
        memory.append([UInt8](repeating: 0xA5, count: view.byteCount))
        return view
    }

    /// Writes elements, given by their bits, to a dense view.
    mutating func write(_ bits: [UInt64], to view: StridedView) {
        let size = view.elementSize
        for (i, word) in bits.enumerated() {
            for byte in 0..<size {
                memory[view.root][view.byteOffset + i * size + byte] = UInt8(
                    truncatingIfNeeded: word >> UInt64(8 * byte))
            }
        }
    }

    /// Copies elements between views of equal extents.
    mutating func copy(_ source: StridedView, to target: StridedView) {
        let words = bits(source)
        for (index, place) in places(target).enumerated() {
            var element = target
            element.offset = place
            element.extents = []
            write([words[index]], to: element)
        }
    }

    /// Where the elements of a view lie, row-major.
    private func places(_ view: StridedView) -> [Int] {
        (0..<view.count).map { index in
            var rest = index
            var place = view.offset
            for d in stride(from: view.rank - 1, through: 0, by: -1) {
                place += rest % view.extents[d] * view.strides[d]
                rest /= view.extents[d]
            }
            return place
        }
    }

    /// The elements of a view as bits, row-major.
    func bits(_ view: StridedView) -> [UInt64] {
        let size = view.elementSize
        return places(view).map { place in
            (0..<size).reduce(UInt64(0)) { $0 | UInt64(memory[view.root][place * size + $1]) << UInt64(8 * $1) }
        }
    }

    /// Runs a launch, and emits its kernel as the target wants it.
    mutating func run(_ launch: KernelLaunch) throws {
        let kernel = try launch.recipe.build(for: target)
        // Throws where the kernel needs what the target lacks.
        _ = try kernel.spirv(target.spirv)
        #expect(launch.accesses.count <= target.maximumBuffers)
        #expect(kernel.pushConstants.count == launch.constants.count, "\(launch.description)")
        #expect(launch.constants.reduce(0) { $0 + $1.byteCount } <= target.maximumPushConstantByteCount)
        for (declared, given) in zip(kernel.pushConstants, launch.constants) {
            #expect(declared.type.byteCount == given.byteCount, "\(launch.description): \(declared.name)")
        }
        // Slots that show one block share its bytes, so the ranges are cut out and put back around the run.
        var buffers: [Int: [UInt8]] = [:]
        for (slot, access) in launch.accesses.enumerated() {
            let range = access.view.bound
            let bytes = memory[access.view.root]
            let end = min(range.byteOffset + range.byteCount, bytes.count)
            #expect(range.byteOffset + range.byteCount <= bytes.count || access.view.count == 0)
            buffers[slot] = Array(bytes[min(range.byteOffset, end)..<end])
        }
        if let device {
            try runOnDevice(launch, &buffers, device)
        } else {
            let interpreter = KernelInterpreter(subgroupSize: target.subgroupSize)
            try interpreter.run(
                kernel, groups: [launch.grid.x, launch.grid.y, launch.grid.z], buffers: &buffers,
                pushConstants: launch.constants.map(\.bits))
        }
        for (slot, access) in launch.accesses.enumerated() {
            let range = access.view.bound
            let bytes = buffers[slot] ?? []
            switch access.kind {
            case .read: break
            case .write, .readWrite:
                memory[access.view.root].replaceSubrange(range.byteOffset..<range.byteOffset + bytes.count, with: bytes)
            }
        }
    }
}

extension LaunchRunner {
    private func runOnDevice(
        _ launch: KernelLaunch, _ buffers: inout [Int: [UInt8]], _ device: DeviceRunner
    ) throws {
        func run(_ recipe: some KernelRecipe) throws -> [[UInt8]] {
            let padded = launch.accesses.indices.map { slot -> [UInt8] in
                // Vulkan binds whole words.
                let bytes = buffers[slot] ?? []
                return bytes + [UInt8](repeating: 0xA5, count: bytes.isEmpty ? 4 : (4 - bytes.count % 4) % 4)
            }
            return try device.run(recipe, buffers: padded, constants: launch.constants, grid: launch.grid)
        }
        for (slot, bytes) in try run(launch.recipe).enumerated() {
            buffers[slot] = Array(bytes.prefix(buffers[slot]?.count ?? 0))
        }
    }
}

/// Where tests run launches.
enum LaunchPlace: String, Sendable, CustomTestStringConvertible {
    /// In the interpreter, for three kinds of targets.
    case gpu, software, least
    /// On the first Vulkan device.
    case device

    /// The interpreted targets, and the device where there is one.
    static let all: [LaunchPlace] = interpreted + (DeviceRunner.isAvailable ? [.device] : [])
    static let interpreted: [LaunchPlace] = [.gpu, .software, .least]

    var target: KernelTarget {
        switch self {
        case .gpu: .gpu
        case .software: .software
        case .least: .least
        case .device: (try? DeviceRunner.shared.target) ?? .least
        }
    }
    var testDescription: String { rawValue }

    /// Types of one, two, four and eight bytes, as far as the target stores them.
    var types: [ScalarType] { [.uint8, .bfloat16, .int32, .float64].filter(target.stores) }
    /// float32 and the other floats that the target computes with.
    var floats: [ScalarType] {
        [.float32, .float16, .bfloat16, .float64].filter { target.stores($0) && ScalarCode.supports($0, target) }
    }
}

/// A reproducible stream of random numbers (SplitMix64, Steele et al. 2014).
struct IndexingGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A tensor of random bits.
    mutating func bits(_ type: ScalarType, _ extents: [Int]) throws -> Literal {
        let mask: UInt64 = type == .bool ? 1 : type.bitWidth >= 64 ? .max : (1 << UInt64(type.bitWidth)) - 1
        return try literal(type, extents) { $0.next() & mask }
    }

    /// A tensor of whole numbers from a range.
    mutating func integers(_ type: ScalarType, _ extents: [Int], _ range: ClosedRange<Int>) throws -> Literal {
        try literal(type, extents) { type.bits(of: Double(Int.random(in: range, using: &$0))) }
    }

    /// A tensor of numbers from a range, rounded to the type.
    mutating func numbers(_ type: ScalarType, _ extents: [Int], _ range: ClosedRange<Double>) throws -> Literal {
        try literal(type, extents) { type.bits(of: Double.random(in: range, using: &$0)) }
    }

    private mutating func literal(
        _ type: ScalarType, _ extents: [Int], _ element: (inout IndexingGenerator) -> UInt64
    ) throws -> Literal {
        let size = type.bitWidth / 8
        var elements: [UInt64] = []
        for _ in 0..<Strides.count(extents) { elements.append(element(&self)) }
        let storage = LiteralStorage(count: elements.count * max(1, size)) { buffer in
            for (i, bits) in elements.enumerated() {
                for byte in 0..<max(1, size) {
                    buffer[i * max(1, size) + byte] = UInt8(truncatingIfNeeded: bits >> UInt64(8 * byte))
                }
            }
        }
        return try Literal(type: TensorType(type, Shape(extents)), storage: storage)
    }
}
