// Heterodyne: which kernels run a product, with which grid.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// How a problem is run: its class for the chosen tiles, and one kernel or two.
struct DotSchedule: Hashable, Sendable {
    var problem: DotProblem
    var tuning: DotTuning
    /// Invocations of a subgroup.
    let subgroupSize: Int
    /// See `RegisterTileDot.stagesSums`.
    var stagesSums = false

    /// The schedule with the first of the candidates.
    init(_ problem: DotProblem, _ target: KernelTarget) {
        let oriented = Self.oriented(problem)
        self.init(oriented: oriented, DotTuning.candidates(oriented, target)[0], target)
    }

    /// A problem of few columns has its few rows there: lanes go along the columns.
    static func oriented(_ problem: DotProblem) -> DotProblem {
        let numbers = problem.numbers
        return numbers.columns < 8 && numbers.rows > numbers.columns ? problem.swapped : problem
    }

    /// The schedule with given tiles.
    init(oriented problem: DotProblem, _ tuning: DotTuning, _ target: KernelTarget) {
        self.problem = problem
        self.tuning = tuning
        subgroupSize = target.subgroupSize
        let (x, y, z) = problem.numbers.tiles(tileRows: tuning.tile.rows, tileColumns: tuning.tile.columns)
        // A deep product of few tiles is split until the device has enough to do.
        let (wanted, least) = target.tileMemory == .registers ? (4, 8192) : (128, 512)
        let depth = problem.numbers.depth
        // Nor may an invocation loop for too long.
        let step = tuning.depthStep
        var longest = KernelTarget.iterationLimit
        if case .registers = tuning { longest *= step }
        var parts = (depth + longest - 1) / longest
        if x * y * z * 2 <= wanted, depth >= 2 * least {
            parts = max(parts, min(wanted / (x * y * z), depth / least))
        }
        if parts > 1 {
            let size = ((depth + parts - 1) / parts + step - 1) / step * step
            self.problem.numbers.splitDepth = size
            self.problem.numbers.splits = (depth + size - 1) / size
            self.problem.dot.hasSplits = self.problem.numbers.splits > 1
            if !self.problem.dot.hasSplits { self.problem.numbers.splitDepth = depth }
        }
        // Kernels with workgroup memory store elements, but fetch vectors.
        let (vectors, isWorkgroup): (Bool, Bool) =
            switch tuning {
            case .registers(_, let columns, _, _, _, _): (columns % 4 == 0, false)
            case .workgroup, .engine: (false, true)
            }
        self.problem.classify(vectorColumns: vectors || isWorkgroup, wholeDepth: isWorkgroup)
        switch tuning {
        case .workgroup, .engine: self.problem.dot.hasVectorColumns = false
        case .registers(let rows, _, let unroll, _, _, _):
            // Vectors must not be longer than the tile.
            if rows % 4 != 0, self.problem.dot.left.order == .alongEdge { self.problem.dot.left.width = 1 }
            if unroll % 4 != 0 {
                if self.problem.dot.left.order == .alongDepth { self.problem.dot.left.width = 1 }
                if self.problem.dot.right.order == .alongDepth { self.problem.dot.right.width = 1 }
            }
        }
        stagesSums = stages(target)
        let counts = target.maximumWorkgroupCounts
        let depthParts = z * self.problem.numbers.splits
        self.problem.dot.isLinear = x > counts[0] || y > counts[1] || depthParts > counts[2]
    }

    /// Whether finished sums go through workgroup memory: where the code behind the product, once for each register,
    /// would be long, and where the sums have room.
    private func stages(_ target: KernelTarget) -> Bool {
        guard case .registers(let rows, let columns, _, let columnLanes, let depthLanes, _) = tuning else {
            return false
        }
        let sums = rows * columns
        let bytes = sums * columnLanes * problem.dot.types.sum.bits / 8 * (depthLanes > 1 ? 1 + depthLanes / 2 : 1)
        guard bytes <= target.workgroupMemoryByteCount else { return false }
        let registers = problem.dot.hasVectorColumns ? sums / 4 : sums
        let steps = problem.dot.hasSplits ? 0 : problem.dot.epilogue?.plan.cost ?? 0
        return registers * (1 + steps) >= 128
    }

    /// The grid of the product.
    var grid: Grid {
        problem.numbers.grid(
            tileRows: tuning.tile.rows, tileColumns: tuning.tile.columns, isLinear: problem.dot.isLinear)
    }

    /// The kernel of the product.
    var recipe: any KernelRecipe {
        var dot = problem.dot
        if dot.hasSplits {
            // The epilogue and the conversion belong to the sum of the parts.
            dot.epilogue = nil
            dot.types.result = dot.types.accumulation
        }
        switch tuning {
        case .registers(let rows, let columns, let unroll, let columnLanes, let depthLanes, let sharesLeft):
            return RegisterTileDot(
                dot: dot, rows: rows, columns: columns, unroll: unroll, columnLanes: columnLanes,
                depthLanes: depthLanes, sharesLeft: sharesLeft, stagesSums: stagesSums)
        case .workgroup(let rows, let columns, let rowLanes, let columnLanes, let depth):
            return WorkgroupTileDot(
                dot: dot, rows: rows, columns: columns, rowLanes: rowLanes, columnLanes: columnLanes, depth: depth)
        case .engine(let shape, let rowSubgroups, let columnSubgroups, let rowMatrices, let columnMatrices, let depth):
            return MatrixEngineDot(
                dot: dot, shape: shape, subgroupSize: subgroupSize, rowSubgroups: rowSubgroups,
                columnSubgroups: columnSubgroups, rowMatrices: rowMatrices, columnMatrices: columnMatrices,
                depth: depth)
        }
    }

    /// The kernel that adds the parts of a split product.
    func sum(for target: KernelTarget) -> SplitSum? {
        guard problem.dot.hasSplits else { return nil }
        var dot = problem.dot
        dot.hasSplits = false
        // Transposed parts were stored one by one.
        if dot.transposesResult { dot.hasVectorColumns = false }
        return SplitSum(dot: dot, workgroup: target.linearWorkgroup)
    }
}
