// Heterodyne: tile sizes of products: what suits a device and a problem.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// The tile sizes of a product.
enum DotTuning: Hashable, Sendable {
    /// See `RegisterTileDot`.
    case registers(rows: Int, columns: Int, unroll: Int, columnLanes: Int, depthLanes: Int, sharesLeft: Bool)
    /// See `WorkgroupTileDot`.
    case workgroup(rows: Int, columns: Int, rowLanes: Int, columnLanes: Int, depth: Int)
    /// See `MatrixEngineDot`.
    case engine(
        shape: KernelTarget.MatrixShape, rowSubgroups: Int, columnSubgroups: Int, rowMatrices: Int,
        columnMatrices: Int, depth: Int)

    /// Rows and columns of a workgroup's tile.
    var tile: (rows: Int, columns: Int) {
        switch self {
        case .registers(let rows, let columns, _, let columnLanes, _, _): (rows, columns * columnLanes)
        case .workgroup(let rows, let columns, let rowLanes, let columnLanes, _):
            (rows * rowLanes, columns * columnLanes)
        case .engine(let shape, let rowSubgroups, let columnSubgroups, let rowMatrices, let columnMatrices, _):
            (rowSubgroups * rowMatrices * shape.m, columnSubgroups * columnMatrices * shape.n)
        }
    }

    /// Invocations of a workgroup, along x and y.
    func workgroup(_ target: KernelTarget) -> (x: Int, y: Int) {
        switch self {
        case .registers(_, _, _, let columnLanes, let depthLanes, _): (columnLanes, depthLanes)
        case .workgroup(_, _, let rowLanes, let columnLanes, _): (columnLanes, rowLanes)
        case .engine(_, let rowSubgroups, let columnSubgroups, _, _, _):
            (rowSubgroups * columnSubgroups * target.subgroupSize, 1)
        }
    }

    /// What the depth is cut into: parts of a split are multiples of it.
    var depthStep: Int {
        switch self {
        case .registers(_, _, let unroll, _, let depthLanes, _): max(4, unroll * depthLanes)
        case .workgroup(_, _, _, _, let depth), .engine(_, _, _, _, _, let depth): depth
        }
    }

    /// The parameters as text that tells tunings apart.
    var text: String {
        switch self {
        case .registers(let rows, let columns, let unroll, let columnLanes, let depthLanes, let sharesLeft):
            "registers \(rows) \(columns) \(unroll) \(columnLanes) \(depthLanes) \(sharesLeft)"
        case .workgroup(let rows, let columns, let rowLanes, let columnLanes, let depth):
            "workgroup \(rows) \(columns) \(rowLanes) \(columnLanes) \(depth)"
        case .engine(let shape, let rowSubgroups, let columnSubgroups, let rowMatrices, let columnMatrices, let depth):
            "engine \(shape.m) \(shape.n) \(shape.k) \(shape.operand) \(shape.accumulator) \(rowSubgroups) "
                + "\(columnSubgroups) \(rowMatrices) \(columnMatrices) \(depth)"
        }
    }

    /// Whether a device can run it on sums of `type`.
    func fits(_ target: KernelTarget, _ type: KernelType) -> Bool {
        let bytes: Int
        switch self {
        case .registers(let rows, let columns, let unroll, let columnLanes, let depthLanes, let sharesLeft):
            guard rows > 0, columns > 0, unroll > 0, depthLanes > 0, depthLanes & (depthLanes - 1) == 0 else {
                return false
            }
            if sharesLeft, depthLanes > 1 || columnLanes != target.subgroupSize || !target.sharesRegisters {
                return false
            }
            bytes = depthLanes == 1 ? 0 : rows * columns * columnLanes * (depthLanes / 2) * type.bits / 8
        case .workgroup(let rows, let columns, let rowLanes, let columnLanes, let depth):
            guard rows > 0, columns > 0, depth > 0, depth % 4 == 0, rows * rowLanes % 4 == 0,
                columns * columnLanes % 4 == 0
            else { return false }
            bytes = depth * (rows * rowLanes + columns * columnLanes + 2) * type.bits / 8
        case .engine(let shape, let rowSubgroups, let columnSubgroups, let rowMatrices, let columnMatrices, let depth):
            guard rowSubgroups > 0, columnSubgroups > 0, rowMatrices > 0, columnMatrices > 0, depth > 0,
                depth % shape.k == 0, depth % 4 == 0, tile.rows % 4 == 0, tile.columns % 4 == 0
            else { return false }
            bytes = MatrixEngineDot.workgroupByteCount(
                shape, rows: tile.rows, columns: tile.columns, depth: depth,
                subgroups: rowSubgroups * columnSubgroups)
        }
        let (x, y) = workgroup(target)
        return x > 0 && y > 0 && x * y <= target.maximumWorkgroupInvocations
            && x <= target.maximumWorkgroupExtents[0] && y <= target.maximumWorkgroupExtents[1]
            && bytes <= target.workgroupMemoryByteCount
    }

    /// The parameters for a problem that are likely to be the fastest first; never empty, and all fit the device.
    static func candidates(_ problem: DotProblem, _ target: KernelTarget) -> [DotTuning] {
        let type = problem.dot.types.sum
        let list = target.tileMemory == .registers ? software(problem, target) : hardware(problem, target)
        let fallback = DotTuning.registers(
            rows: 1, columns: 1, unroll: 1, columnLanes: target.linearWorkgroup, depthLanes: 1, sharesLeft: false)
        return list.filter { $0.fits(target, type) } + [fallback]
    }

    /// The least power of two that is not below `value`, at most `limit`.
    private static func roundedUp(_ value: Int, limit: Int) -> Int {
        var result = 1
        while result < value, result < limit { result *= 2 }
        return result
    }

    // MARK: - Software

    /// Tiles for devices whose workgroup memory is ordinary memory. There an element that is loaded costs as much as
    /// ten multiplications, so tiles are large, and the left factor is shared by the lanes of a vector unit.
    private static func software(_ problem: DotProblem, _ target: KernelTarget) -> [DotTuning] {
        let numbers = problem.numbers
        let lanes = max(1, min(target.subgroupSize, target.maximumWorkgroupInvocations))
        let shares = target.sharesRegisters && lanes > 1 && lanes <= 16
        if numbers.columns <= lanes / 2, numbers.depth >= 4 * lanes {
            // Few columns: the lanes share the depth instead.
            let rows = roundedUp(numbers.rows, limit: 8)
            let columns = roundedUp(numbers.columns, limit: 4)
            let depthLanes = roundedUp(lanes, limit: 64)
            return [
                .registers(
                    rows: rows, columns: columns, unroll: 4, columnLanes: 1, depthLanes: depthLanes, sharesLeft: false)
            ]
        }
        // Long code costs the driver's compiler up to a third of a second, which small products never earn back.
        let isSmall = problem.products < Double(1 << 20)
        let isWide = problem.dot.types.sum.bits == 64
        // Elements that are read as texels cost less, but those that the lanes share still cost a shuffle each: tiles that
        // are wider than high were measured to be the fastest by a sixth, where they fit the result.
        let isFlat =
            target.spirv.texels && !isSmall && !isWide && numbers.rows >= 8
            && (numbers.columns % (16 * lanes) == 0 || numbers.columns >= 64 * lanes)
        let rows = roundedUp(numbers.rows, limit: isSmall ? 4 : isWide || isFlat ? 8 : 16)
        let columns = numbers.columns <= 4 * lanes || isSmall ? 4 : isFlat ? 16 : 8
        func tile(_ rows: Int, _ columns: Int, _ shares: Bool) -> DotTuning {
            // Columns that are loaded one by one make the code twice as long.
            .registers(
                rows: rows, columns: columns, unroll: numbers.columns % 4 == 0 ? 4 : 2, columnLanes: lanes,
                depthLanes: 1, sharesLeft: shares)
        }
        var list = [tile(rows, columns, shares && rows > 1)]
        if !isSmall {
            for (r, c) in [(16, 8), (16, 4), (8, 8), (32, 8), (8, 16), (32, 4)] where r <= 2 * numbers.rows {
                for share in [shares, false] { list.append(tile(r, c, share)) }
            }
        }
        return unique(list)
    }

    // MARK: - Hardware

    /// Tiles for GPUs.
    private static func hardware(_ problem: DotProblem, _ target: KernelTarget) -> [DotTuning] {
        let numbers = problem.numbers
        let isLong = problem.dot.types.sum.bits == 64
        if numbers.rows <= 8 || numbers.columns <= 8 { return skinny(problem, target) }
        let large = DotTuning.workgroup(
            rows: isLong ? 4 : 8, columns: isLong ? 4 : 8, rowLanes: 16, columnLanes: 16, depth: 16)
        let engine = engines(problem, target)
        let medium = DotTuning.workgroup(rows: 4, columns: 4, rowLanes: 16, columnLanes: 16, depth: 16)
        let flat = DotTuning.workgroup(rows: 4, columns: 4, rowLanes: 8, columnLanes: 16, depth: 16)
        let small = DotTuning.workgroup(rows: 4, columns: 4, rowLanes: 8, columnLanes: 8, depth: 16)
        let least = DotTuning.workgroup(rows: 2, columns: 2, rowLanes: 8, columnLanes: 8, depth: 8)
        // A tile that leaves most of the device idle, or most of itself, is too large.
        func tiles(_ tuning: DotTuning) -> Int {
            let (x, y, z) = numbers.tiles(tileRows: tuning.tile.rows, tileColumns: tuning.tile.columns)
            return x * y * z
        }
        var list: [DotTuning] = []
        if tiles(large) >= 128 { list.append(large) }
        if tiles(medium) >= 64 { list.append(medium) }
        if tiles(small) >= 16 { list.append(small) }
        return unique(engine + list + [least, small, medium, flat, large])
    }

    /// Tiles for the matrix engine: larger ones first where they keep the device busy.
    private static func engines(_ problem: DotProblem, _ target: KernelTarget) -> [DotTuning] {
        let shapes = target.matrixShapes.filter { MatrixEngineDot.suits(problem.dot.types, $0, target) }
        // The shape that does most in one step needs the fewest loads.
        guard let shape = shapes.max(by: { $0.m * $0.n * $0.k < $1.m * $1.n * $1.k }) else { return [] }
        let numbers = problem.numbers
        let depth = max(32, shape.k) / shape.k * shape.k
        let tilings = [(2, 2, 4, 4), (2, 2, 2, 2), (1, 2, 2, 1), (1, 1, 1, 1)].map {
            DotTuning.engine(
                shape: shape, rowSubgroups: $0.0, columnSubgroups: $0.1, rowMatrices: $0.2, columnMatrices: $0.3,
                depth: depth)
        }
        func tiles(_ tuning: DotTuning) -> Int {
            let (x, y, z) = numbers.tiles(tileRows: tuning.tile.rows, tileColumns: tuning.tile.columns)
            return x * y * z
        }
        return tilings.filter { tiles($0) >= 64 } + tilings.reversed().filter { tiles($0) < 64 }
    }

    /// Tiles for vectors and for matrices of a few rows or columns.
    private static func skinny(_ problem: DotProblem, _ target: KernelTarget) -> [DotTuning] {
        let numbers = problem.numbers
        let rows = roundedUp(numbers.rows, limit: 8)
        let subgroup = roundedUp(max(8, target.subgroupSize), limit: 64)
        if numbers.right.depthStride == 1 || numbers.columns <= 8 {
            // Neighbours along the depth: the lanes take it together, a few columns for each row of lanes.
            let columns = roundedUp(numbers.columns, limit: 4)
            return [64, 32, 16, 8].map {
                .registers(
                    rows: rows, columns: columns, unroll: 4, columnLanes: 1, depthLanes: $0, sharesLeft: false)
            }
        }
        let columns = numbers.columns % 4 == 0 ? 4 : 1
        return [8, 4, 2, 1].map {
            .registers(
                rows: rows, columns: columns, unroll: 4, columnLanes: subgroup, depthLanes: $0, sharesLeft: false)
        }
    }

    private static func unique(_ list: [DotTuning]) -> [DotTuning] {
        var seen = Set<DotTuning>()
        return list.filter { seen.insert($0).inserted }
    }
}

extension KernelTarget {
    /// Whether the lanes of a subgroup can hand each other values, and a workgroup of `subgroupSize` is one subgroup.
    var sharesRegisters: Bool { features.isSuperset(of: [.subgroupArithmetic, .fullSubgroups]) }
}
