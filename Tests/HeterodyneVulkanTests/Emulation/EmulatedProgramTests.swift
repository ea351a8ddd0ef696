// Heterodyne: whole programs whose 64-bit types are emulated, on a device that has them and on one that lacks them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneEmulation
import HeterodyneGraph
import Testing

@testable import HeterodyneVulkan

/// A program and how far its float64 results may be off.
struct EmulatedProgram: Sendable, CustomTestStringConvertible {
    let name: String
    /// In units of 2^-48 of each element; 0: every bit is the reference's.
    let units: Double
    let inputs: [TensorType]
    let body: @Sendable (GraphBuilder, [Term]) throws -> [Term]
    var testDescription: String { name }

    init(
        _ name: String, units: Double = 0, _ inputs: [TensorType],
        _ body: @escaping @Sendable (GraphBuilder, [Term]) throws -> [Term]
    ) {
        (self.name, self.units, self.inputs, self.body) = (name, units, inputs, body)
    }

    func graph() throws -> Graph {
        let builder = GraphBuilder()
        var terms: [Term] = []
        for (index, type) in inputs.enumerated() { terms.append(try builder.input("in\(index)", type)) }
        for (index, term) in try body(builder, terms).enumerated() { try builder.output("out\(index)", term) }
        return try builder.build()
    }

    /// Positive numbers of 53 bits, so that nothing cancels where the bodies only add; integers of all sizes.
    func literals() throws -> [Literal] {
        try inputs.enumerated().map { number, type in
            var state = UInt64(number + 1) &* 0x9e37_79b9_7f4a_7c15
            func next() -> UInt64 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return (state ^ (state >> 31)) &* 0xbf58_476d_1ce4_e5b9
            }
            let count = try type.elementCount()
            switch type.scalarType {
            case .float64:
                let numbers = (0..<count).map { _ in
                    Double(sign: .plus, exponent: Int(next() % 4) - 2, significand: 1 + Double(next() >> 12) * 0x1p-52)
                }
                return try Literal(numbers, shape: type.shape)
            case .int64:
                return try Literal((0..<count).map { Int64(bitPattern: next()) >> Int64($0 % 50) }, shape: type.shape)
            case .uint64: return try Literal((0..<count).map { next() >> UInt64($0 % 50) }, shape: type.shape)
            case .int32: return try Literal((0..<count).map { _ in Int32(next() % 5) }, shape: type.shape)
            default: return try Literal((0..<count).map { _ in next() & 1 == 0 }, shape: type.shape)
            }
        }
    }

    private static func f64(_ extents: Int...) -> TensorType { TensorType(.float64, Shape(extents)) }
    private static func i64(_ extents: Int...) -> TensorType { TensorType(.int64, Shape(extents)) }
    private static func u64(_ extents: Int...) -> TensorType { TensorType(.uint64, Shape(extents)) }
    private static func matrices(_ batch: Int) -> DotDimensions {
        batch == 0
            ? DotDimensions(leftContracting: [1], rightContracting: [0])
            : DotDimensions(leftBatch: [0], rightBatch: [0], leftContracting: [2], rightContracting: [1])
    }

    /// Bounds in units of 2^-48: loading rounds by 1/2, sums by 3, products by 5, quotients by 10, roots by 6; errors of
    /// operands add up in sums of one sign, products and quotients, and halve in roots.
    static let floats: [EmulatedProgram] = [
        EmulatedProgram("elementwise", units: 18, [f64(7, 33), f64(7, 33)]) { _, t in
            [try (t[0] * t[1] + t[0] / t[1]).sqrt(), try t[0] + t[1], try t[1] / t[0]]
        },
        EmulatedProgram("fused region with a broadcast", units: 24, [f64(20, 34), f64(34)]) { b, t in
            let body = try GraphBuilder.region([Self.f64(20, 34), Self.f64(34)]) { _, x throws(GraphError) in
                let row = try x[1].broadcast([20, 34], dimensions: [1])
                let sum = try x[0] * x[0] + row
                return [try sum.sqrt() + 0.1, try sum / row]
            }
            return try b.addAll(.composite(FusedRegion(kind: .elementwise, body: body)), t)
        },
        EmulatedProgram("sums", units: 3 * 260 + 1, [f64(13, 20), f64(2, 260)]) { _, t in
            [
                try t[0].reduce(.sum, [1]), try t[0].reduce(.sum, [0]), try t[0].reduce(.sum, [0, 1]),
                try t[1].reduce(.sum, [1]),
            ]
        },
        EmulatedProgram("products", units: 5 * 20 + 10, [f64(13, 20)]) { _, t in [try t[0].reduce(.product, [1])] },
        EmulatedProgram("extrema", units: 0.5, [f64(13, 200)]) { _, t in
            [try t[0].reduce(.maximum, [1]), try t[0].negate().reduce(.minimum, [0]).negate()]
        },
        EmulatedProgram("long sum", units: 3 * 3000 + 1, [f64(70_000)]) { _, t in [try t[0].reduce(.sum, [0])] },
        EmulatedProgram("dot", units: 3 * 33 + 7, [f64(17, 33), f64(33, 19)]) { _, t in
            [try t[0].dot(t[1], matrices(0))]
        },
        EmulatedProgram("large dot", units: 3 * 128 + 7, [f64(96, 128), f64(128, 112)]) { _, t in
            [try t[0].dot(t[1], matrices(0))]
        },
        EmulatedProgram("matrix and vector", units: 3 * 300 + 7, [f64(40, 300), f64(300, 1)]) { _, t in
            [try t[0].dot(t[1], matrices(0)), try t[1].transpose([1, 0]).dot(t[0].transpose([1, 0]), matrices(0))]
        },
        EmulatedProgram("batched dot with work after it", units: 3 * 24 + 22, [f64(3, 8, 24), f64(3, 24, 12), f64(12)])
        { b, t in
            let types = [Self.f64(3, 8, 24), Self.f64(3, 24, 12), Self.f64(12)]
            let body = try GraphBuilder.region(types) { _, x throws(GraphError) in
                let product = try x[0].dot(x[1], Self.matrices(1))
                return [try (product + x[2].broadcast([3, 8, 12], dimensions: [2])) * 1.5]
            }
            return try b.addAll(.composite(FusedRegion(kind: .dotEpilogue, body: body)), t)
        },
        EmulatedProgram("scatter of sums", units: 3 * 40 + 1, [f64(5, 6), TensorType(.int32, [40, 1]), f64(40, 6)]) {
            _, t in
            [try t[0].scatter(.add, t[1], t[2], dimensions: [0])]
        },
        EmulatedProgram("loop of Newton's method", units: 40, [f64(9), i64()]) { b, t in
            let state = [Self.i64(), Self.f64(9), Self.f64(9)]
            let condition = try GraphBuilder.region(state) { _, x throws(GraphError) in
                [try x[0].compare(.less, 6)]
            }
            let body = try GraphBuilder.region(state) { _, x throws(GraphError) in
                [try x[0] + 1, try (x[1] + x[2] / x[1]) * 0.5, x[2]]
            }
            let zero = try t[1] - t[1]
            return [try b.loop([zero, t[0], t[0]], condition: condition, body: body)[1]]
        },
        EmulatedProgram("branches", units: 4, [f64(9), i64()]) { b, t in
            let then = try GraphBuilder.region([Self.f64(9)]) { _, x throws(GraphError) in [try x[0] + x[0]] }
            let otherwise = try GraphBuilder.region([Self.f64(9)]) { _, x throws(GraphError) in [try x[0] * x[0]] }
            let test = try t[1].compare(.greater, t[1] - t[1])
            return try b.conditional(test, [t[0]], then: then, otherwise: otherwise)
        },
        EmulatedProgram("random walk of conversions", units: 3, [f64(50), i64(50), u64(50), TensorType(.int32, [50])]) {
            _, t in
            [
                try t[0].convert(.float32), try (t[0] * 100).convert(.int32), try t[0].convert(.bfloat16),
                try t[0].convert(.float8e4m3fn), try t[1].convert(.float64), try t[2].convert(.float64),
                try t[3].convert(.float64), try t[0].convert(.bool),
            ]
        },
        EmulatedProgram("functions", units: 60, [f64(7, 40)]) { _, t in
            let x = try t[0] + 1
            return [
                try x.exp(), try x.log(), try t[0].sin(), try t[0].cos(), try x.tanh(), try x.power(t[0]),
                try (t[0].exp() + x.log()).tanh(),
            ]
        },
        EmulatedProgram("iota", [f64(3)]) { b, t in
            [try b.iota(Self.f64(9000), dimension: 0), try b.iota(Self.f64(4, 5), dimension: 1)]
        },
    ]

    /// What moves elements or looks at their order: every bit stays.
    static let movements: [EmulatedProgram] = [ScalarType.float64, .int64, .uint64].flatMap { scalar in
        func type(_ extents: Int...) -> TensorType { TensorType(scalar, Shape(extents)) }
        let indices = TensorType(.int32, [7, 1])
        return [
            EmulatedProgram("sort \(scalar)", [type(5, 300)]) { _, t in
                let order = try t[0].sortPermutation(dimension: 1)
                return [order, try t[0].sortPermutation(dimension: 0, descending: true, indexType: .int32)]
            },
            EmulatedProgram("gather and scatter \(scalar)", [type(5, 6), indices, type(7, 6)]) { _, t in
                [try t[0].gather(t[1], dimensions: [0]), try t[0].scatter(.set, t[1], t[2], dimensions: [0])]
            },
            EmulatedProgram("movement \(scalar)", [type(6, 10), type(6, 10)]) { b, t in
                [
                    try t[0].transpose([1, 0]), try t[0].pad(3, low: [1, 0], high: [0, 2], interior: [0, 1]),
                    try b.concatenate(t, dimension: 1), try t[0].slice([1, 2], [6, 9], strides: [2, 3]).reverse([0]),
                    try t[0].compare(.less, t[1]).select(t[0], t[1]),
                    try t[0].bitcast(scalar == .uint64 ? .int64 : .uint64),
                    try t[0].dynamicSlice(
                        [b.constant(1, .scalar(.int32)), b.constant(2, .scalar(.int64))], sizes: [3, 4]),
                ]
            },
        ]
    }

    static let integers: [EmulatedProgram] = [ScalarType.int64, .uint64].flatMap { scalar in
        func type(_ extents: Int...) -> TensorType { TensorType(scalar, Shape(extents)) }
        return [
            EmulatedProgram("arithmetic \(scalar)", [type(7, 33), type(7, 33)]) { _, t in
                [
                    try t[0] * t[1] + t[0] / t[1], try t[0].remainder(t[1]), try t[0].maximum(t[1]),
                    try t[0].shiftRight(t[1].and(t[1].like(63))), try t[0].power(t[1].and(t[1].like(15))),
                    try t[0].convert(.float32), try t[0].convert(.int32), try t[0].convert(.uint8),
                ]
            },
            EmulatedProgram("reductions \(scalar)", [type(13, 70), type(3000)]) { _, t in
                [
                    try t[0].reduce(.sum, [1]), try t[0].reduce(.product, [0]), try t[0].reduce(.maximum, [0, 1]),
                    try t[1].reduce(.sum, [0]), try t[1].reduce(.minimum, [0]),
                ]
            },
            EmulatedProgram("dot \(scalar)", [type(9, 21), type(21, 10)]) { _, t in
                [try t[0].dot(t[1], matrices(0), accumulation: scalar)]
            },
            EmulatedProgram("scatter \(scalar)", [type(5, 6), TensorType(.int32, [40, 1]), type(40, 6)]) { _, t in
                try [ScatterMode.add, .maximum, .minimum].map { try t[0].scatter($0, t[1], t[2], dimensions: [0]) }
            },
            EmulatedProgram("large scatter \(scalar)", [type(50), TensorType(.int32, [5000, 1]), type(5000)]) { _, t in
                [try t[0].scatter(.add, t[1], t[2], dimensions: [0])]
            },
            EmulatedProgram("iota \(scalar)", [type(2)]) { b, _ in
                [try b.iota(TensorType(scalar, [9000]), dimension: 0)]
            },
        ]
    }

    static let all = floats + movements + integers
}

/// What device a program is emulated on.
enum EmulatedHardware: String, CaseIterable, Sendable {
    /// The device has the types: they are masked, say.
    case full
    /// The device has none of them.
    case lacking
    /// Neither them nor subgroups and good arithmetic; memory through descriptors and tiles in workgroup memory.
    case workgroups

    var options: VulkanOptions {
        var options = VulkanOptions.fromEnvironment()
        switch self {
        case .full: break
        case .lacking: options.maskedFeatures = [.float64, .int64, .int64Atomics, .float64AtomicAdd]
        case .workgroups:
            options.maskedFeatures = [
                .float64, .int64, .int64Atomics, .float64AtomicAdd, .subgroupArithmetic, .subgroupShuffle,
                .fullSubgroups,
            ]
            options.tileMemory = .workgroup
        }
        return options
    }
}

@Suite(
    "Programs with emulated types", .serialized,
    .enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct EmulatedProgramTests {
    @Test("compute what the reference computes", arguments: EmulatedProgram.all, EmulatedHardware.allCases)
    func programs(_ program: EmulatedProgram, _ hardware: EmulatedHardware) throws {
        let runner = ProgramRunner(hardware.options)
        let (graph, inputs) = (try program.graph(), try program.literals())
        let types: Set<ScalarType> = [.float64, .int64, .uint64]
        let unit = CompilationUnit(graph: graph, emulatedTypes: types.intersection(graph.scalarTypes))
        let executable = try runner.backend.compile(unit, for: ProgramRunner.device)
        for listing in try executable.codeListings() where listing.language == "spirv" {
            // Indices of several terabytes would use the device's own integers; nothing here does.
            #expect(!listing.text.contains("OpTypeFloat 64"), "\(listing.name)")
            if hardware != .full { #expect(!listing.text.contains("OpTypeInt 64"), "\(listing.name)") }
        }
        let found = try runner.run(executable, graph, inputs)
        let expected = try ProgramRunner.expected(graph, inputs)
        for (number, (a, b)) in zip(found, expected).enumerated() {
            guard a.type.scalarType == .float64, program.units > 0 else {
                #expect(a == b, "output \(number)")
                continue
            }
            let (x, y) = (try a.scalars(as: Double.self), try b.scalars(as: Double.self))
            let worst = zip(x, y).map { ($0 - $1).magnitude / max($1.magnitude, 0x1p-60) }.max() ?? 0
            #expect(
                worst <= program.units * DoubleSingleFormat.unit,
                "output \(number) is off by \(worst / DoubleSingleFormat.unit) units of 2^-48")
        }
    }

    @Test("know zeros, infinities and NaN, also beside constants", arguments: EmulatedHardware.allCases)
    func specials(_ hardware: EmulatedHardware) throws {
        let numbers: [Double] = [0, -0.0, 1, -1, 0.5, -3, .infinity, -.infinity, .nan, 1e-3, -200, 0x1p100]
        let type = TensorType(.float64, [12])
        let builder = GraphBuilder()
        let x = try builder.input("x", type)
        for zero in [0, -0.0, .infinity, 1] {
            let constant = try builder.constant(zero, type)
            for op in [BinaryOperator.add, .subtract, .multiply, .divide, .maximum, .minimum] {
                try builder.output("x \(op) \(zero)", x.binary(op, constant))
                try builder.output("\(zero) \(op) x", constant.binary(op, x))
            }
            for direction in ComparisonDirection.allCases {
                try builder.output("x \(direction) \(zero)", x.compare(direction, constant))
            }
        }
        try builder.output("bool", x.convert(.bool))
        try builder.output("int32", x.convert(.int32))
        try builder.output("uint64", x.convert(.uint64))
        try builder.output("negative", x.negate())
        try builder.output("root", x.sqrt())
        try builder.output("floor", x.floor())
        let graph = try builder.build()
        let literal = try Literal(numbers, shape: [12])
        let found = try ProgramRunner(hardware.options).run(graph, [literal], emulated: [.float64, .int64, .uint64])
        let expected = try ProgramRunner.expected(graph, [literal])
        for (output, (a, b)) in zip(graph.outputs, zip(found, expected)) {
            for index in numbers.indices {
                let (bits, wanted) = (a.bits(at: index), b.bits(at: index))
                let (found, truth) = (Double(bitPattern: bits), Double(bitPattern: wanted))
                let isNear =
                    a.type.scalarType == .float64
                    && (truth.isNaN && found.isNaN
                        || truth != 0 && (found - truth).magnitude <= 10 * DoubleSingleFormat.unit * truth.magnitude)
                #expect(bits == wanted || isNear, "\(output.name) for x = \(numbers[index]): \(found), not \(truth)")
            }
        }
    }

    @Test(
        "leave the validation layer silent",
        .enabled(if: hasValidation, "no validation layer: install vulkan-validationlayers"))
    func validation() throws {
        var options = EmulatedHardware.lacking.options
        options.validation = .synchronization
        let instance = try VulkanInstance.shared(options)
        _ = instance.messages.take()
        let runner = ProgramRunner(options)
        for program in EmulatedProgram.all {
            let graph = try program.graph()
            _ = try runner.run(graph, program.literals(), emulated: [.float64, .int64, .uint64])
        }
        #expect(instance.messages.take() == [])
    }

    @Test("are offered where the device lacks a type, and say how")
    func support() throws {
        let type = TensorType(.float64, [4])
        let sum = NodeSignature(operation: .primitive(.binary(.add)), operandTypes: [type, type], resultTypes: [type])
        let lacking = VulkanBackend(EmulatedHardware.lacking.options)
        guard case .afterLegalization(let reason) = lacking.support(for: sum, on: ProgramRunner.device) else {
            Issue.record("\(lacking.support(for: sum, on: ProgramRunner.device))")
            return
        }
        #expect(reason.contains("pairs of float32"))
        let capabilities = try lacking.capabilities(of: ProgramRunner.device)
        #expect(capabilities.usages(of: .float64).isEmpty && capabilities.usages(of: .int64).isEmpty)
        #expect(capabilities.emulations[.float64]?.precision == DoubleSingleFormat.precision)
        #expect(capabilities.emulations[.int64] != nil && capabilities.emulations[.int64]?.precision == nil)
        let full = VulkanBackend(EmulatedHardware.full.options)
        if try full.capabilities(of: ProgramRunner.device).usages(of: .float64).contains(.arithmetic) {
            #expect(full.support(for: sum, on: ProgramRunner.device).isNative)
        }
        #expect(try Set(full.capabilities(of: ProgramRunner.device).emulations.keys) == [.float64, .int64, .uint64])
    }

    @Test("are refused where the self-test found the driver wanting")
    func refusal() throws {
        try TestDevices.withFolder { folder in
            let options = TestDevices.options { $0.cacheDirectory = folder }
            let physical = try TestDevices.open(options).logical.physical
            let target = physical.target(options)
            let file = try #require(SelfTest.file(physical, target, folder: folder + "/vulkan"))
            var verdict = try #require(SelfTest.read(file))
            #expect(verdict.keepsErrorTerms)
            verdict.keepsErrorTerms = false
            SelfTest.write(verdict, file)
            let backend = VulkanBackend(options)
            let capabilities = try backend.capabilities(of: ProgramRunner.device)
            #expect(Set(capabilities.emulations.keys) == [.int64, .uint64])
            let details = try #require(backend.discover().devices.first).details
            #expect(details["emulation"]?.contains("error-free") == true, "\(details)")
            let graph = try EmulatedProgram.floats[0].graph()
            let unit = CompilationUnit(graph: graph, emulatedTypes: [.float64])
            #expect(throws: BackendError.self) { try backend.compile(unit, for: ProgramRunner.device) }
        }
    }
}
