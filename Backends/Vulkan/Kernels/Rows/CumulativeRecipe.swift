// Heterodyne: the kernel of running sums, products, maxima and minima.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// `result[r, c]` = combination of `source[r, 0 ... c]`, or `0 ..< c` where it is exclusive. Each invocation runs over
/// one segment of a row, from the combination of the segments before it where `hasCarry`. A kernel that gives `.totals`
/// writes the combination of each segment instead, number `segment * rows + row`.
///
/// Sums of floats carry what each addition has lost (Neumaier 1974), so that their error does not grow with the number
/// of columns. Slots: source, result, carry. Push constants: rows, columns, columns of a segment, the origins.
struct CumulativeRecipe: KernelRecipe {
    enum Kind: String, Hashable, Sendable {
        case cumulativeSum, cumulativeProduct, cumulativeMax, cumulativeMin

        /// The reduction of the same name.
        var reduction: ReductionKind {
            switch self {
            case .cumulativeSum: .sum
            case .cumulativeProduct: .product
            case .cumulativeMax: .maximum
            case .cumulativeMin: .minimum
            }
        }
    }

    enum Output: Hashable, Sendable { case running, totals }

    let kind: Kind
    let source: ScalarType
    let result: ScalarType
    /// The type whose neutral element a row starts from.
    let neutral: ScalarType
    let space: RowSpace
    let output: Output
    let isExclusive: Bool
    let hasCarry: Bool
    let workgroup: Int

    func build(for target: KernelTarget) throws(KernelError) -> Kernel {
        let k = KernelBuilder("\(kind.rawValue)_\(source)", workgroup: [UInt32(workgroup)])
        let code = ScalarCode(k, target)
        var reader = RowReader(k, code, space)
        let index = space.indexType
        let rows = k.pushConstant("rows", index)
        let columns = k.pushConstant("columns", index)
        let segment = k.pushConstant("segment", index)
        reader.declare("source", source, .read)
        reader.declare("result", result, .write)
        let accumulator = ReduceRecipe.accumulator(source)
        let laneWidth = space.vectors == .alongRows ? 4 : 1
        let carry = hasCarry ? k.buffer("carry", ScalarCode.memory(accumulator).with(width: laneWidth), .read) : nil
        let carryOrigin = hasCarry ? k.pushConstant("carry_origin", index) : nil
        let number = k.linearInvocation(width: workgroup, index)
        let segments = (columns + segment - 1) / segment
        k.if(number .< rows * segments) {
            let part = number / rows
            let row = number - part * rows
            let places = reader.row(row)
            let from = part * segment
            let to = from + segment.minimum(columns - from)
            var initial = code.constant(
                bits: ReduceRecipe.identity(kind.reduction, neutral), neutral, width: laneWidth)
            if let carry, let carryOrigin { initial = code.decode(carry[carryOrigin + number], accumulator) }
            let state = RunningState(code, kind.reduction, accumulator, initial)
            k.loop(from: from, to: to) { column in
                let element = reader.load(0, places, column)
                guard space.vectors == .alongColumns else {
                    let before = isExclusive && output == .running ? state.value : nil
                    state.add(element)
                    if output == .running { write(reader, code, places, column, before ?? state.value) }
                    return
                }
                var parts: [KernelValue] = []
                for component in 0..<4 {
                    if isExclusive { parts.append(state.value) }
                    state.add(element[component])
                    if !isExclusive { parts.append(state.value) }
                }
                if output == .running {
                    write(reader, code, places, column, k.vector(parts[0], parts[1], parts[2], parts[3]))
                }
            }
            if output == .totals {
                let total = result == accumulator ? state.value : code.rounded(state.value, to: result)
                reader.store(1, [number, reader.origin(1) + number], total)
            }
        }
        return try k.finish()
    }

    private func write(
        _ reader: RowReader, _ code: ScalarCode, _ places: [KernelValue], _ column: KernelValue, _ value: KernelValue
    ) {
        let rounded = result == ReduceRecipe.accumulator(source) ? value : code.rounded(value, to: result)
        reader.store(1, places, column, rounded)
    }
}

/// What has been combined so far, while a kernel is built.
private struct RunningState {
    private let code: ScalarCode
    private let k: KernelBuilder
    private let combination: RowTeam.Combination
    private let sum: Variable
    /// What the additions have lost; nil where nothing gets lost.
    private let lost: Variable?

    init(_ code: ScalarCode, _ kind: ReductionKind, _ type: ScalarType, _ initial: KernelValue) {
        self.code = code
        k = code.builder
        combination = ReduceRecipe.combination(kind)
        sum = k.variable(initial)
        lost = kind == .sum && type.isFloatingPoint ? k.variable(initial.like(0.0)) : nil
    }

    /// The combination so far.
    var value: KernelValue {
        guard let lost else { return sum.value }
        return sum.value + lost.value
    }

    func add(_ element: KernelValue) {
        let before = sum.value
        let after = combination.apply(code, before, element)
        sum.value = after
        guard let lost else { return }
        let isLarger = before.magnitude .>= element.magnitude
        let (large, small) = (k.select(isLarger, before, element), k.select(isLarger, element, before))
        let error = (large - after) + small
        // Of infinities nothing is lost, and the differences would be NaN.
        let isFinite = error.magnitude .< Double.infinity
        lost.value = lost.value + k.select(isFinite, error, error.like(0.0))
    }
}
