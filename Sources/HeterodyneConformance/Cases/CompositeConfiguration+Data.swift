// Heterodyne: configurations of the composites on data.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

extension CompositeConfiguration {
    static var data: [CompositeConfiguration] {
        selections + scans + positions + statistics + resampling + recurrence + quantization + random
    }

    private static let numbers: [ScalarType] = [.float32, .int32, .bfloat16, .uint8, .float64]

    private static var selections: [CompositeConfiguration] {
        let ties = Operand([7, 33], .range(0, 6))
        let indices = ArgExtremeAttributes(axis: 1)
        return [
            Self(ArgMax(indices), [ties]).of(numbers).exactly,
            Self(
                ArgMax(ArgExtremeAttributes(axis: 0, keepDimension: true, selectLastIndex: true, indexType: .int32)),
                "last", [ties]
            )
            .of(numbers).exactly,
            Self(ArgMax(indices), [Operand([5, 9], .nan)]).valued("nan").exactly,
            Self(ArgMin(indices), [ties]).of(numbers).exactly,
            Self(ArgMin(ArgExtremeAttributes(axis: -2)), "negative-axis", [ties]).of(numbers).exactly,
            Self(TopK(k: 5, axis: 1), [ties]).of(numbers).exactly,
            Self(TopK(k: 3, axis: 0, largest: false, indexType: .int32), "smallest", [ties]).of(numbers).exactly,
            Self(TopK(k: 0, axis: 0), "none", [Operand([4, 3])]).of(numbers).exactly,
            Self(SortValues(axis: 1), [ties]).of(numbers).exactly,
            Self(SortValues(axis: 0, descending: true), "descending", [Operand([9, 3], .edges)]).of(numbers).exactly,
            Self(OneHot(depth: 6), [Operand([5], .range(-2, 7), .int64), Operand([]), Operand([])]).of(numbers).exactly,
            Self(
                OneHot(depth: 4, axis: 0), "first", [Operand([2, 3], .range(0, 3), .uint8), Operand([]), Operand([])]
            )
            .of(numbers).exactly,
        ]
    }

    private static var scans: [CompositeConfiguration] {
        let x = Operand([5, 33])
        let near = Operand([5, 9], .range(0.7, 1.4))
        return [
            Self(CumulativeSum(CumulativeAttributes(axis: 1)), [x]),
            Self(CumulativeSum(CumulativeAttributes(axis: 1)), "integers", [x]).of([.int32, .uint8]).exactly,
            Self(CumulativeSum(CumulativeAttributes(axis: 0, exclusive: true, reverse: true)), "backwards", [x]),
            Self(CumulativeProduct(CumulativeAttributes(axis: -1)), [near]),
            Self(CumulativeMax(CumulativeAttributes(axis: 1)), [x]).of(numbers).exactly,
            Self(CumulativeMin(CumulativeAttributes(axis: 0, exclusive: true)), "exclusive", [x]).of(numbers).exactly,
        ]
    }

    private static var positions: [CompositeConfiguration] {
        let x = Operand([5, 7], .bits)
        let types = CaseTable.widths
        return [
            Self(Take(axis: 0), [x, Operand([2, 3], .range(-5, 4), .int64)]).of(types).exactly,
            Self(Take(axis: 1), "columns", [x, Operand([4], .range(0, 6), .int32)]).of(types).exactly,
            Self(GatherElements(axis: 1), [x, Operand([5, 3], .range(0, 6), .int64)]).of(types).exactly,
            Self(
                ScatterElements(axis: 0),
                [
                    x, Operand([2, 7], .list([0, 3, 1, 4, 2, 0, 3, 1, 0, 2, 0, 1, 3, 2]), .int64),
                    Operand([2, 7], .bits),
                ]
            )
            .of(types).exactly,
            Self(
                ScatterElements(axis: 1, mode: .add), "add",
                [Operand([3, 5]), Operand([3, 4], .range(0, 4), .int32), Operand([3, 4])]),
            Self(GatherND(), [x, Operand([3, 2], .range(0, 4), .int64)]).of(types).exactly,
            Self(
                GatherND(batchDimensions: 1), "batched",
                [Operand([3, 5, 2], .bits), Operand([3, 4, 1], .range(0, 4), .int32)]
            )
            .of(types).exactly,
            Self(ScatterND(), [x, Operand([3, 1], .list([4, 0, 2]), .int64), Operand([3, 7], .bits)]).of(types).exactly,
            Self(
                ScatterND(mode: .maximum), "maximum",
                [Operand([5, 3]), Operand([4, 1], .range(0, 4), .int64), Operand([4, 3])]
            )
            .of(numbers).exactly,
            Self(Trilu(upper: true), [x]).of(types).exactly,
            Self(Trilu(upper: false, diagonal: -1), "lower", [Operand([2, 4, 4], .bits)]).of(types).exactly,
            Self(Tile(repeats: [2, 3]), [Operand([3, 5], .bits)]).of(types).exactly,
            Self(Tile(repeats: [0, 1]), "none", [Operand([3, 5], .bits)]).of(types).exactly,
        ]
    }

    private static var statistics: [CompositeConfiguration] {
        [
            Self(ReduceMean(axes: [1]), [Operand([7, 33])]),
            Self(ReduceMean(axes: [0, 2], keepDimensions: true), "kept", [Operand([3, 5, 7])]),
            Self(ReduceVariance(axes: [1]), [Operand([7, 33])]),
            Self(ReduceVariance(axes: [0], correction: 1), "corrected", [Operand([9, 5])]),
            Self(Einsum("ij,jk->ik"), [Operand([7, 9]), Operand([9, 5])]),
            Self(Einsum("bij,bjk->bik"), "batched", [Operand([2, 3, 5]), Operand([2, 5, 4])]),
            Self(Einsum("ii->i"), "diagonal", [Operand([5, 5])]),
            Self(Einsum("...i,i"), "ellipsis", [Operand([2, 3, 5]), Operand([5])]),
            Self(Einsum("ij,jk,kl->il"), "three", [Operand([3, 4]), Operand([4, 5]), Operand([5, 2])]),
            Self(Einsum("ij,kj->ik"), "integers", [Operand([3, 9]), Operand([4, 9])]).of([.int32]).exactly,
        ]
    }

    private static var resampling: [CompositeConfiguration] {
        let image = Operand([1, 2, 5, 7])
        let grid = Operand([1, 4, 3, 2], .range(-1.2, 1.2))
        return [
            Self(Resize(axes: [2, 3], sizes: [9, 4]), [Operand([1, 2, 5, 7], .bits)]).of(CaseTable.widths).exactly,
            Self(Resize(axes: [2, 3], sizes: [8, 11], mode: .linear), "linear", [image]),
            Self(Resize(axes: [2, 3], sizes: [10, 14], mode: .cubic), "cubic", [image]),
            Self(Resize(axes: [2, 3], sizes: [3, 3], mode: .linear, transform: .alignCorners), "corners", [image]),
            Self(Resize(axes: [2, 3], sizes: [2, 3], mode: .linear, antialias: true), "antialias", [image]),
            Self(GridSample(), [image, grid]),
            Self(GridSample(padding: .border, alignCorners: true), "border", [image, grid]),
            Self(GridSample(mode: .cubic, padding: .reflection), "cubic", [image, grid]),
            Self(GridSample(mode: .nearest), "nearest", [image, grid]),
            Self(SpaceToDepth(blockSize: 2), [Operand([2, 3, 4, 6], .bits)]).of(CaseTable.widths).exactly,
            Self(DepthToSpace(blockSize: 2), [Operand([2, 8, 3, 2], .bits)]).of(CaseTable.widths).exactly,
            Self(DepthToSpace(blockSize: 2, channelsFirst: true), "channels-first", [Operand([1, 8, 3, 2], .bits)])
                .of(CaseTable.widths).exactly,
        ]
    }

    private static var recurrence: [CompositeConfiguration] {
        // Sequence of 4, batch of 2, 3 inputs, 5 hidden.
        let x = Operand([4, 2, 3])
        func weights(_ gates: Int, _ directions: Int = 1) -> [Operand] {
            [
                x, Operand([directions, gates * 5, 3], .range(-0.6, 0.6)),
                Operand([directions, gates * 5, 5], .range(-0.6, 0.6)),
            ]
        }
        func bias(_ gates: Int, _ directions: Int = 1) -> Operand {
            Operand([directions, 2 * gates * 5], .range(-0.5, 0.5))
        }
        let lengths = Operand([2], .list([4, 2]), .int64)
        let floats: [ScalarType] = [.float32, .float64, .float16]
        var all = [
            Self(RNN(), weights(1)).of(floats),
            Self(RNN(RecurrentSettings(direction: .bidirectional, hasBias: true)), "both", weights(1, 2) + [bias(1, 2)])
                .of(floats),
            Self(GRU(), weights(3)).of(floats),
            Self(GRU(RecurrentSettings(hasBias: true), linearBeforeReset: true), "linear", weights(3) + [bias(3)]).of(
                floats),
            Self(LSTM(), weights(4)).of(floats),
            Self(
                LSTM(RecurrentSettings(direction: .reverse, hasBias: true, hasLengths: true)), "lengths",
                weights(4) + [bias(4), lengths]
            )
            .of(floats),
        ]
        let state = TensorType(.float32, [3])
        if let body = try? GraphBuilder.region(
            [state, state],
            { _, terms throws(GraphError) in
                let next = try (terms[0] * 0.5 + terms[1]).tanh()
                return [next, try next * terms[1]]
            })
        {
            let scan = Scan(body: body, stateCount: 1, sequenceCount: 1)
            all.append(Self(scan, [Operand([3]), Operand([6, 3])]).of([.float32]))
            let backwards = Scan(body: body, stateCount: 1, sequenceCount: 1, reverse: true)
            all.append(Self(backwards, "reverse", [Operand([3]), Operand([0, 3])]).of([.float32]))
        }
        return all
    }

    private static var quantization: [CompositeConfiguration] {
        let x = Operand([3, 9], .range(-20, 20))
        let scale = Operand([3], .range(0.05, 0.5))
        let perRow = QuantizationGrid(axis: 0, hasZeroPoint: true)
        var all: [CompositeConfiguration] = []
        for stored in [ScalarType.int8, .uint8, .int4, .uint4, .int16, .float8e4m3fn, .float8e5m2] {
            let zero = Operand([3], stored.isFloatingPoint ? .list([0]) : .range(0, 5), stored)
            all.append(Self(Quantize(to: stored, grid: perRow), "to-\(stored)", [x, scale, zero]))
            all.append(
                Self(
                    Dequantize(to: .float32, grid: perRow), "from-\(stored)",
                    [Operand([3, 9], stored.isFloatingPoint ? .range(-50, 50) : .bits, stored), scale, zero]
                )
                .made { Dequantize(to: $0, grid: perRow) })
        }
        let blocked = QuantizationGrid(axis: 1, blockSize: 4)
        all.append(Self(Quantize(to: .int8, grid: blocked), "blocked", [x, Operand([3, 3], .range(0.1, 0.5))]))
        all.append(
            Self(
                Dequantize(to: .float32, grid: blocked), "blocked-int8",
                [Operand([3, 9], .bits, .int8), Operand([3, 3], .range(0.1, 0.5))]
            )
            .made { Dequantize(to: $0, grid: blocked) })
        return all
    }

    private static var random: [CompositeConfiguration] {
        let key = Operand([2], .bits, .uint32)
        let words = Operand([7], .bits, .uint32)
        return [
            Self(Threefry2x32(), [key, words, words]).of([.uint32]).exactly,
            Self(ThreefryBits(shape: [3, 7]), [key]).of([.uint32]).exactly,
            Self(RandomUniform(TensorType(.float32, [3, 31])), [key]).made { RandomUniform(TensorType($0, [3, 31])) }
                .exactly,
            Self(RandomNormal(TensorType(.float32, [3, 31])), [key]).made { RandomNormal(TensorType($0, [3, 31])) },
        ]
    }
}
