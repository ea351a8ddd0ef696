// Heterodyne: kernels of products give the right sums, in the interpreter.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph
import HeterodyneKernelIR
import Testing

@testable import HeterodyneVulkan

/// The extents of a product.
struct DotSize: CustomStringConvertible, Sendable {
    var batch = 1
    var rows: Int
    var columns: Int
    var depth: Int
    var description: String { "\(batch)x\(rows)x\(columns)x\(depth)" }

    init(_ rows: Int, _ columns: Int, _ depth: Int, batch: Int = 1) {
        (self.rows, self.columns, self.depth, self.batch) = (rows, columns, depth, batch)
    }
}

@Suite("Kernels of dot")
struct DotKernelTests {
    static let float = DotTypes(left: .float32, right: .float32, accumulation: .float32, result: .float32)

    static let tilings: [DotTuning] = [
        .registers(rows: 16, columns: 8, unroll: 4, columnLanes: 8, depthLanes: 1, sharesLeft: true),
        .registers(rows: 8, columns: 4, unroll: 4, columnLanes: 8, depthLanes: 1, sharesLeft: true),
        .registers(rows: 4, columns: 4, unroll: 8, columnLanes: 4, depthLanes: 1, sharesLeft: false),
        .registers(rows: 2, columns: 1, unroll: 2, columnLanes: 8, depthLanes: 1, sharesLeft: false),
        .registers(rows: 1, columns: 1, unroll: 1, columnLanes: 16, depthLanes: 1, sharesLeft: false),
        .registers(rows: 3, columns: 2, unroll: 4, columnLanes: 1, depthLanes: 16, sharesLeft: false),
        .registers(rows: 4, columns: 4, unroll: 4, columnLanes: 4, depthLanes: 4, sharesLeft: false),
        .workgroup(rows: 2, columns: 2, rowLanes: 4, columnLanes: 4, depth: 8),
        .workgroup(rows: 4, columns: 2, rowLanes: 2, columnLanes: 8, depth: 4),
    ]

    static func run(
        _ product: TestProduct, _ tuning: DotTuning, _ target: KernelTarget = .software, swap: Bool = false,
        stage: Bool = false
    ) throws {
        let problem = try product.problem()
        var schedule = DotSchedule(oriented: swap ? problem.swapped : problem, tuning, target)
        if stage { schedule.stagesSums = true }
        let type = product.types.result
        let result = try DotRunner.interpreter(target).run(
            schedule, left: product.left, right: product.right, resultTypes: [type])
        product.expectEqual(DotRunner.numbers(result[0], type), "\(tuning), \(schedule.problem.dot)")
    }

    @Test("Every layout, tiles that do not fit", arguments: TestLayout.allCases, TestLayout.allCases)
    func layouts(left: TestLayout, right: TestLayout) throws {
        // Every third one: each layout still meets all of them.
        let number = left.rawValue.utf8.count + right.rawValue.utf8.count
        for (index, tuning) in Self.tilings.enumerated() where (index + number) % 3 == 0 {
            for size in [DotSize(9, 12, 8, batch: 2), DotSize(8, 7, 5)] {
                let product = TestProduct(
                    left: left.tensor(size.batch, size.rows, size.depth, .float32, seed: 1),
                    right: right.tensor(size.batch, size.columns, size.depth, .float32, seed: 2), types: Self.float)
                try Self.run(product, tuning, swap: index % 2 == 1, stage: index % 4 == 1)
            }
        }
    }

    static let edges = [1, 2, 3, 7, 8, 9, 15, 17, 31, 33, 65]

    /// Every edge meets every other one as rows and columns, with some depth.
    @Test("Edges", arguments: DotKernelTests.edges)
    func everyEdge(rows: Int) throws {
        for (index, columns) in Self.edges.enumerated() {
            let depth = Self.edges[(index + rows) % Self.edges.count]
            let product = TestProduct(
                left: TestLayout.depthInner.tensor(1, rows, depth, .float32, seed: 3),
                right: TestLayout.edgeInner.tensor(1, columns, depth, .float32, seed: 4), types: Self.float)
            for target in [KernelTarget.software, .gpu, .least] {
                let schedule = DotSchedule(try product.problem(), target)
                let result = try DotRunner.interpreter(target).run(
                    schedule, left: product.left, right: product.right, resultTypes: [.float32])
                product.expectEqual(
                    DotRunner.numbers(result[0], .float32), "\(rows)x\(columns)x\(depth) \(schedule.tuning)")
            }
        }
    }

    static let types: [DotTypes] = {
        func same(_ type: ScalarType, _ accumulation: ScalarType, _ result: ScalarType) -> DotTypes {
            DotTypes(left: type, right: type, accumulation: accumulation, result: result)
        }
        return [
            same(.float16, .float32, .float16), same(.float16, .float16, .float16), same(.float16, .float32, .float32),
            same(.bfloat16, .float32, .bfloat16), same(.bfloat16, .bfloat16, .float32),
            same(.float32, .float32, .bfloat16), same(.float32, .float64, .float32),
            same(.float64, .float64, .float64), same(.int8, .int32, .int32), same(.uint8, .int32, .int32),
            DotTypes(left: .int8, right: .uint8, accumulation: .int32, result: .int32),
            DotTypes(left: .uint8, right: .int8, accumulation: .int32, result: .int64), same(.int16, .int32, .int32),
            same(.int32, .int32, .int32), same(.int64, .int64, .int64), same(.uint16, .uint32, .uint32),
            same(.uint32, .uint32, .uint32), same(.uint64, .uint64, .uint64), same(.int32, .int64, .int64),
        ]
    }()

    @Test("Every type", arguments: DotKernelTests.types)
    func everyType(types: DotTypes) throws {
        for tuning in [Self.tilings[1], Self.tilings[5], Self.tilings[7]] {
            let product = TestProduct(
                left: TestLayout.depthInner.tensor(1, 6, 12, types.left, seed: 5),
                right: TestLayout.edgeInner.tensor(1, 8, 12, types.right, seed: 6), types: types)
            try Self.run(product, tuning)
            try Self.run(product, tuning, swap: true)
        }
    }

    @Test("Narrow integers wrap as the accumulation type and the result type do")
    func wraps() throws {
        for (accumulation, result) in [(ScalarType.int8, ScalarType.int32), (.int32, .int8), (.int16, .int16)] {
            let types = DotTypes(left: .int8, right: .int8, accumulation: accumulation, result: result)
            let product = TestProduct(
                left: TestLayout.depthInner.tensor(1, 3, 9, .int8, seed: 7),
                right: TestLayout.depthInner.tensor(1, 5, 9, .int8, seed: 8), types: types)
            let schedule = DotSchedule(try product.problem(), .software)
            let bytes = try DotRunner.interpreter(.software).run(
                schedule, left: product.left, right: product.right, resultTypes: [result])
            func wrapped(_ sum: Double, _ type: ScalarType) -> Double {
                let shift = Int64(64 - type.bitWidth)
                return Double((Int64(sum) << shift) >> shift)
            }
            product.expectEqual(DotRunner.numbers(bytes[0], result), "\(types)") { sum, _ in
                wrapped(wrapped(sum, accumulation), result)
            }
        }
    }

    @Test("A deep product is split, and its parts are added", arguments: [KernelTarget.software, .gpu, .least])
    func splits(target: KernelTarget) throws {
        let depth = target.tileMemory == .registers ? 16_390 : 2055
        for size in [DotSize(1, 1, depth), DotSize(3, 4, depth), DotSize(2, 1, depth, batch: 2)] {
            let product = TestProduct(
                left: TestLayout.depthInner.tensor(size.batch, size.rows, size.depth, .float32, seed: 9),
                right: TestLayout.depthInner.tensor(size.batch, size.columns, size.depth, .float32, seed: 10),
                types: Self.float)
            let schedule = DotSchedule(try product.problem(), target)
            #expect(schedule.problem.numbers.splits > 1)
            let result = try DotRunner.interpreter(target).run(
                schedule, left: product.left, right: product.right, resultTypes: [.float32])
            product.expectEqual(DotRunner.numbers(result[0], .float32), "\(size) \(schedule.tuning)")
        }
    }

    @Test("Grids too long for an edge are linear")
    func linear() throws {
        var target = KernelTarget.software
        target.maximumWorkgroupCounts = [2, 2, 2]
        let product = TestProduct(
            left: TestLayout.depthInner.tensor(3, 9, 6, .float32, seed: 11),
            right: TestLayout.edgeInner.tensor(3, 40, 6, .float32, seed: 12), types: Self.float)
        let schedule = DotSchedule(oriented: try product.problem(), Self.tilings[3], target)
        #expect(schedule.problem.dot.isLinear)
        try Self.run(product, Self.tilings[3], target)
    }

    @Test("Places beyond 32 bits")
    func wide() throws {
        let product = TestProduct(
            left: TestLayout.depthInner.tensor(2, 9, 6, .float32, seed: 11),
            right: TestLayout.edgeInner.tensor(2, 12, 6, .float32, seed: 12), types: Self.float)
        for tuning in [Self.tilings[0], Self.tilings[5], Self.tilings[7]] {
            var problem = try product.problem()
            problem.dot.isWide = true
            let schedule = DotSchedule(oriented: problem, tuning, .software)
            let result = try DotRunner.interpreter(.software).run(
                schedule, left: product.left, right: product.right, resultTypes: [.float32])
            product.expectEqual(DotRunner.numbers(result[0], .float32), "\(tuning)")
        }
    }

    @Test("All candidates fit their device and give the same sums", arguments: [KernelTarget.software, .gpu, .least])
    func candidates(target: KernelTarget) throws {
        for size in [
            DotSize(1, 1, 40), DotSize(5, 3, 64), DotSize(40, 48, 20), DotSize(1, 256, 36), DotSize(200, 200, 28),
        ] {
            let product = TestProduct(
                left: TestLayout.depthInner.tensor(1, size.rows, size.depth, .float32, seed: 13),
                right: TestLayout.edgeInner.tensor(1, size.columns, size.depth, .float32, seed: 14), types: Self.float)
            let problem = DotSchedule.oriented(try product.problem())
            let candidates = DotTuning.candidates(problem, target)
            #expect(!candidates.isEmpty)
            #expect(candidates.allSatisfy { $0.fits(target, .f32) })
            for tuning in size.rows > 100 ? Array(candidates.prefix(1)) : candidates {
                try Self.run(product, tuning, target, swap: problem.dot.transposesResult)
            }
        }
    }

    /// A device with a matrix engine; shapes are small, so that edges are met by small products.
    static let engine: KernelTarget = {
        var target = KernelTarget.gpu
        target.subgroupSize = 8
        target.features.insert(.cooperativeMatrix)
        target.matrixShapes = [
            KernelTarget.MatrixShape(m: 8, n: 4, k: 8, operand: .float16, accumulator: .float32),
            KernelTarget.MatrixShape(m: 4, n: 8, k: 4, operand: .float32, accumulator: .float32),
            KernelTarget.MatrixShape(m: 4, n: 4, k: 16, operand: .int8, accumulator: .int32),
        ]
        return target
    }()

    @Test(
        "The matrix engine",
        arguments: [
            DotTypes(left: .float16, right: .float16, accumulation: .float32, result: .float16), float,
            DotTypes(left: .int8, right: .int8, accumulation: .int32, result: .int32),
        ])
    func engine(types: DotTypes) throws {
        for (index, layout) in TestLayout.allCases.enumerated() {
            let other = TestLayout.allCases[(index + 3) % TestLayout.allCases.count]
            for size in [DotSize(19, 12, 36, batch: 2), DotSize(17, 23, 21)] {
                let product = TestProduct(
                    left: layout.tensor(size.batch, size.rows, size.depth, types.left, seed: 17),
                    right: other.tensor(size.batch, size.columns, size.depth, types.right, seed: 18), types: types)
                let problem = try product.problem()
                let tuning = DotTuning.candidates(problem, Self.engine)[0]
                guard case .engine(let shape, _, _, _, _, let depth) = tuning else {
                    Issue.record("\(types) does not go to the engine but to \(tuning)")
                    continue
                }
                try Self.run(product, tuning, Self.engine, swap: index % 2 == 0)
                let large = DotTuning.engine(
                    shape: shape, rowSubgroups: 2, columnSubgroups: 2, rowMatrices: 1, columnMatrices: 2,
                    depth: depth)
                #expect(large.fits(Self.engine, types.sum))
                try Self.run(product, large, Self.engine)
            }
        }
    }

    @Test("The engine is left alone where it computes something else")
    func engineTypes() throws {
        func first(_ types: DotTypes, _ change: (inout KernelTarget) -> Void = { _ in }) throws -> DotTuning {
            var target = Self.engine
            change(&target)
            let product = TestProduct(
                left: TestLayout.depthInner.tensor(1, 20, 20, types.left, seed: 1),
                right: TestLayout.depthInner.tensor(1, 20, 20, types.right, seed: 1), types: types)
            return DotTuning.candidates(try product.problem(), target)[0]
        }
        func isEngine(_ tuning: DotTuning) -> Bool { if case .engine = tuning { true } else { false } }
        let half = DotTypes(left: .float16, right: .float16, accumulation: .float32, result: .float16)
        #expect(isEngine(try first(half)))
        var narrow = half
        narrow.accumulation = .float16
        #expect(!isEngine(try first(narrow)))
        #expect(!isEngine(try first(DotTypes(left: .int8, right: .uint8, accumulation: .int32, result: .int32))))
        #expect(!isEngine(try first(DotTypes(left: .int8, right: .int8, accumulation: .int64, result: .int64))))
        #expect(!isEngine(try first(half) { $0.features.remove(.fullSubgroups) }))
        #expect(!isEngine(try first(half) { $0.features.remove(.float16) }))
    }

    /// Without the matrix engine, which older validators do not know; the tests of the kernel language look at such modules.
    @Test("Kernels are valid SPIR-V", .enabled(if: SPIRVValidator.path != nil, SPIRVValidator.reason))
    func valid() throws {
        func check(_ tuning: DotTuning, _ target: KernelTarget, _ types: DotTypes) throws {
            guard tuning.fits(target, types.sum) else { return }
            let product = TestProduct(
                left: TestLayout.depthInner.tensor(2, 20, 24, types.left, seed: 1),
                right: TestLayout.edgeInner.tensor(2, 24, 24, types.right, seed: 1), types: types)
            let schedule = DotSchedule(oriented: try product.problem(), tuning, target)
            let kernel = try schedule.recipe.build(for: target)
            try SPIRVValidator.expectValid(kernel, target.spirv)
            if let sum = schedule.sum(for: target) {
                try SPIRVValidator.expectValid(try sum.build(for: target), target.spirv)
            }
        }
        for types in [Self.float] + Self.types.prefix(9) {
            for tuning in [Self.tilings[1], Self.tilings[5], Self.tilings[7]] { try check(tuning, .gpu, types) }
        }
    }
}
