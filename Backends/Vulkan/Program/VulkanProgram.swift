// Heterodyne: a compiled program on a device: pipelines, constants in its memory, and the plan of steps.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR

/// A compiled program. Immutable; its invocations record and replay command buffers.
final class VulkanProgram: Executable, Sendable {
    let device: VulkanDevice
    let plan: ProgramPlan
    let label: String
    /// For each step, the pipeline of its launch.
    let pipelines: [Pipeline?]
    /// For each constant, its memory; nil where no step reads it.
    let constants: [DeviceMemory?]
    let children: [VulkanProgram]
    let inPlaceOutputs: [Int: Int]
    let stepDescriptions: [String]

    /// Lowers `unit`, makes its pipelines and uploads its constants. Throws `unsupported` naming the node,
    /// `compilationFailed` or `outOfMemory`.
    convenience init(_ unit: CompilationUnit, device: VulkanDevice) throws(BackendError) {
        let types = unit.emulatedTypes
        guard types.isSubset(of: device.target.emulatable) else {
            let names = types.subtracting(device.target.emulatable).map(\.name).sorted().joined(separator: ", ")
            throw BackendError(
                .unsupported, "kernels of the program '\(unit.label)' cannot emulate \(names)", device: device.id)
        }
        let target = device.target.emulating(types)
        let graph = try Expansion.expanded(unit.graph, target, device: device.id)
        let lowering = Lowering(
            graph, donated: unit.donatedInputs, arithmetic: unit.arithmetic, target: target,
            options: ProgramLoweringOptions(
                device: device.id, forcesAddresses: device.options.forcesAddresses,
                dotTuner: device.options.autotunes && types.isEmpty ? DotTuner(device) : nil))
        let plan = try lowering.run()
        // All pipelines are asked for at once, so that the driver compiles them in parallel.
        _ = try device.pipelines(plan.pipelines)
        try self.init(plan, device: device, label: unit.label)
    }

    private init(_ plan: ProgramPlan, device: VulkanDevice, label: String) throws(BackendError) {
        self.device = device
        self.plan = plan
        self.label = label
        inPlaceOutputs = plan.inPlaceOutputs
        stepDescriptions = plan.steps.map(\.description)
        var requests: [PipelineRequest] = []
        for step in plan.steps { if case .launch(let launch) = step.action { requests.append(launch.pipeline) } }
        let made = try device.pipelines(requests)
        var next = 0
        var pipelines: [Pipeline?] = []
        for step in plan.steps {
            guard case .launch = step.action else {
                pipelines.append(nil)
                continue
            }
            pipelines.append(made[next])
            next += 1
        }
        self.pipelines = pipelines
        var memories = [DeviceMemory?](repeating: nil, count: plan.constants.count)
        for case .constant(let index) in plan.blocks where memories[index] == nil {
            memories[index] = try device.constant(plan.constants[index])
        }
        constants = memories
        var children: [VulkanProgram] = []
        for child in plan.children { children.append(try VulkanProgram(child, device: device, label: label)) }
        self.children = children
    }

    /// Bytes of intermediate memory of one invocation, those of regions inside included: a loop keeps two invocations
    /// of each of its regions.
    var arenaByteCount: Int {
        var sum = plan.arenaByteCount
        for step in plan.steps {
            switch step.action {
            case .launch, .copy, .fill: break
            case .conditional(let then, let otherwise, _, _, _):
                sum += children[then].arenaByteCount + children[otherwise].arenaByteCount
            case .loop(let condition, let body, _, _, _):
                sum += 2 * (children[condition].arenaByteCount + children[body].arenaByteCount)
            }
        }
        return sum
    }

    /// Bytes of constants in device memory.
    var constantByteCount: Int {
        constants.reduce(0) { $0 + ($1?.byteCount ?? 0) } + children.reduce(0) { $0 + $1.constantByteCount }
    }

    /// The kernels of the launches, as text of the kernel language and as SPIR-V; those of regions have no steps here.
    func codeListings() throws(BackendError) -> [CodeListing] {
        var order: [ObjectIdentifier] = []
        typealias User = (
            pipeline: Pipeline, memory: SPIRVOptions.Memory, emulated: Set<ScalarType>, steps: [Int]
        )
        var users: [ObjectIdentifier: User] = [:]
        for (index, step) in plan.steps.enumerated() {
            guard case .launch(let launch) = step.action, let pipeline = pipelines[index] else { continue }
            let id = ObjectIdentifier(pipeline)
            if users[id] == nil {
                order.append(id)
                users[id] = (pipeline, launch.pipeline.memory, launch.pipeline.emulated, [])
            }
            users[id]?.steps.append(index)
        }
        var listings: [CodeListing] = []
        for id in order {
            guard let user = users[id] else { continue }
            let kernel = user.pipeline.kernel
            var options = device.target.emulating(user.emulated).spirv
            options.memory = user.memory
            options.names = true
            let module: SPIRVModule
            do { module = try kernel.spirv(options) } catch {
                throw BackendError(.compilationFailed, "\(kernel.name): \(error)", device: device.id)
            }
            listings.append(
                CodeListing(language: "kernels", name: kernel.name, steps: user.steps, text: kernel.description))
            listings.append(CodeListing(language: "spirv", name: kernel.name, steps: user.steps, text: module.text))
        }
        for child in children {
            for var listing in try child.codeListings() {
                listing.steps = []
                listings.append(listing)
            }
        }
        return listings
    }

    /// A place to run. Throws `outOfMemory`.
    func makeInvocation() throws(BackendError) -> any Invocation { try VulkanInvocation(self) }
}
