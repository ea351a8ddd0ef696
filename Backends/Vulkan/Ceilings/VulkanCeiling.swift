// Heterodyne: what a device's driver gives at most, measured by two kernels written by hand.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
import HeterodyneKernelIR

/// A kernel that does nothing but copy memory, or nothing but multiply and add: what a device's driver gives at most, to
/// judge other kernels by. Prepared once, run many times, by one thread at a time.
public final class VulkanCeiling {
    /// What is measured.
    public enum Kind: Hashable, Sendable {
        /// A copy of so many float32, in vectors of four: bytes per second.
        case copy(elements: Int)
        /// Chains of float32 multiply-adds in registers: operations per second.
        case multiplyAdd(rounds: Int)
    }

    /// What is measured.
    public let kind: Kind
    private let device: VulkanDevice
    private let commands: CommandList
    private let result: DeviceMemory
    /// What `verify` expects of each word of the result.
    private let expected: Float

    /// Invocations of the multiply-add kernel.
    private static let invocations = 65_536
    private static let mostElements = 1 << 30
    private static let mostRounds = 1 << 20

    /// Floating-point operations of a run of `multiplyAdd`.
    public static func operations(rounds: Int) -> Int {
        rounds * invocations * MultiplyAddCeilingRecipe.operationsPerRound
    }

    /// Prepares the kernel on a device. Throws `invalidArgument` for sizes that are not 4 to 2^30 elements, a multiple
    /// of 4, or 32 to 2^20 rounds; `deviceUnavailable`; `outOfMemory`.
    public init(_ kind: Kind, on id: String) throws(BackendError) {
        let device = try DeviceRegistry.standard.device(id)
        let commands = try device.makeCommandList()
        let recipe: any KernelRecipe
        let constants: [PushValue]
        let count: Int
        var memory: [DeviceMemory] = []
        switch kind {
        case .copy(let elements):
            guard (4...Self.mostElements).contains(elements), elements % 4 == 0 else {
                throw BackendError(
                    .invalidArgument, "a copy of \(elements) elements: 4 to 2^30, a multiple of 4", device: id)
            }
            recipe = CopyCeilingRecipe()
            count = elements / 4
            constants = [.u32(UInt32(count))]
            expected = 1.5
            let source = try device.allocate(byteCount: 4 * elements, for: .tensor)
            memory = [source, try device.allocate(byteCount: 4 * elements, for: .tensor)]
            let fill = try device.makeCommandList()
            try fill.begin()
            fill.fill(MemorySlice(source), word: expected.bitPattern)
            try fill.end()
            try fill.run(label: "ceiling")
        case .multiplyAdd(let rounds):
            guard (32...Self.mostRounds).contains(rounds) else {
                throw BackendError(.invalidArgument, "\(rounds) rounds of multiply-adds: 32 to 2^20", device: id)
            }
            recipe = MultiplyAddCeilingRecipe()
            count = Self.invocations
            // x = x / 2 + 1 comes to rest at 2 from any start, after fewer steps than 32 rounds have.
            constants = [.f32(0.5), .f32(1), .u32(UInt32(rounds)), .u32(UInt32(count))]
            expected = Float(2 * MultiplyAddCeilingRecipe.chains)
            memory = [try device.allocate(byteCount: 4 * count, for: .tensor)]
        }
        let pipeline = try device.pipelines([PipelineRequest(recipe, memory: .descriptors, multiplyAdd: nil)])[0]
        let width = device.target.linearWorkgroup
        try commands.begin()
        try commands.dispatch(
            pipeline, memory.map { MemorySlice($0) }, constants,
            groups: .linear(workgroups: (count + width - 1) / width))
        try commands.end()
        self.kind = kind
        self.device = device
        self.commands = commands
        result = memory[memory.count - 1]
    }

    /// Runs the kernel and waits. Throws `deviceLost`.
    public func run() throws(BackendError) { try commands.run(label: "ceiling") }

    /// Runs the kernel and looks at what it wrote. Throws `executionFailed` where that is wrong.
    public func verify() throws(BackendError) {
        try run()
        var words = [UInt32](repeating: 0, count: result.byteCount / 4)
        let outcome: Result<Void, BackendError> = words.withUnsafeMutableBytes { bytes in
            do throws(BackendError) { return .success(try device.download(result, at: 0, into: bytes)) } catch {
                return .failure(error)
            }
        }
        try outcome.get()
        if let wrong = words.firstIndex(where: { $0 != expected.bitPattern }) {
            throw BackendError(
                .executionFailed,
                "the ceiling's kernel wrote \(Float(bitPattern: words[wrong])) as element \(wrong), not \(expected)",
                device: device.id)
        }
    }
}
