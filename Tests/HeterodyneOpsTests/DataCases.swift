// Heterodyne: instances of every composite on data, with operands that they take.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps
import Testing

/// A composite with operand types that it accepts.
struct DataCase: Sendable, CustomTestStringConvertible {
    let composite: any Composite
    let operands: [TensorType]

    init(_ composite: any Composite, _ operands: TensorType...) {
        self.composite = composite
        self.operands = operands
    }

    var testDescription: String { "\(composite.name)(\(operands.map(\.description).joined(separator: ", ")))" }
}

enum DataCases {
    private static func type(_ scalarType: ScalarType, _ shape: Shape) -> TensorType { TensorType(scalarType, shape) }
    private static let f32: @Sendable (Shape) -> TensorType = { TensorType(.float32, $0) }
    private static let key = TensorType(.uint32, [2] as Shape)

    static let all: [DataCase] = selection + indexing + contraction + resampling + recurrent + quantization + random

    static let selection: [DataCase] = [
        DataCase(ArgMax(ArgExtremeAttributes(axis: -1)), f32([2, 3])),
        DataCase(
            ArgMin(ArgExtremeAttributes(axis: 0, keepDimension: true, selectLastIndex: true, indexType: .int32)),
            type(.float8e4m3fn, [2, 3])),
        DataCase(ArgMax(ArgExtremeAttributes(axis: 1)), type(.bool, [2, 3, 0])),
        DataCase(TopK(k: 2, axis: 1), f32([3, 4])),
        DataCase(TopK(k: 0, axis: -2, largest: false, sorted: false, indexType: .int32), type(.int4, [3, 4])),
        DataCase(SortValues(axis: 0), type(.bool, [5])),
        DataCase(SortValues(axis: 1, descending: true, indexType: .int32), type(.uint64, [2, 5])),
        DataCase(OneHot(depth: 4), type(.int32, []), type(.bool, []), type(.bool, [])),
        DataCase(OneHot(depth: 0, axis: 0), type(.uint8, [2, 3]), f32([]), f32([])),
        DataCase(CumulativeSum(CumulativeAttributes(axis: 0)), type(.bfloat16, [9])),
        DataCase(CumulativeProduct(CumulativeAttributes(axis: -1, exclusive: true)), type(.int8, [2, 9])),
        DataCase(CumulativeMax(CumulativeAttributes(axis: 0, reverse: true)), type(.uint64, [3])),
        DataCase(CumulativeMin(CumulativeAttributes(axis: 0, exclusive: true, reverse: true)), f32([0, 3])),
    ]

    static let indexing: [DataCase] = [
        DataCase(Take(axis: 1), f32([2, 3, 4]), type(.int64, [5, 6])),
        DataCase(Take(axis: -1), type(.int4, [3]), type(.uint8, [])),
        DataCase(GatherElements(axis: 0), type(.bool, [3, 4]), type(.int32, [7, 2])),
        DataCase(ScatterElements(axis: 1, mode: .add), f32([3, 4]), type(.int64, [2, 9]), f32([2, 9])),
        DataCase(ScatterElements(axis: 0), type(.bool, [3]), type(.int16, [2]), type(.bool, [2])),
        DataCase(GatherND(), f32([2, 3, 4]), type(.int64, [5, 2])),
        DataCase(GatherND(batchDimensions: 1), f32([2, 3, 4]), type(.uint32, [2, 5, 2])),
        DataCase(ScatterND(), f32([2, 3, 4]), type(.int64, [5, 1]), f32([5, 3, 4])),
        DataCase(ScatterND(batchDimensions: 1, mode: .maximum), f32([2, 3]), type(.int32, [2, 1]), f32([2])),
        DataCase(Trilu(upper: true, diagonal: .max), type(.float8e5m2, [2, 3, 4])),
        DataCase(Trilu(upper: false, diagonal: .min), type(.bool, [3, 3])),
        DataCase(Tile(repeats: [2, 0, 1]), type(.uint4, [2, 3, 4])),
        DataCase(Tile(repeats: []), f32([])),
    ]

    static let contraction: [DataCase] = [
        DataCase(ReduceMean(axes: [0, -1]), type(.float16, [2, 3, 4])),
        DataCase(ReduceMean(axes: [], keepDimensions: true), f32([0, 3])),
        DataCase(ReduceVariance(axes: [1], keepDimensions: true, correction: 1), type(.float64, [2, 1])),
        DataCase(Einsum("...ij,jk->...ik"), f32([5, 2, 3]), f32([3, 4])),
        DataCase(Einsum("iij,j,j"), type(.int8, [3, 3, 2]), type(.int8, [2]), type(.int8, [1])),
        DataCase(Einsum(""), f32([])),
    ]

    static let resampling: [DataCase] = [
        DataCase(Resize(axes: [2, -1], sizes: [3, 9]), type(.int4, [1, 2, 6, 6])),
        DataCase(Resize(axes: [0], sizes: [0], mode: .linear), type(.bfloat16, [3, 2])),
        DataCase(Resize(axes: [0], sizes: [2], scales: [0.5], mode: .cubic, antialias: true), f32([5, 2])),
        DataCase(
            Resize(axes: [1], sizes: [3], transform: .cropAndResize, roi: [-0.5, 1.5], extrapolationValue: -.infinity),
            f32([2, 4])),
        DataCase(GridSample(), type(.bfloat16, [2, 3, 4, 5]), f32([2, 6, 7, 2])),
        DataCase(
            GridSample(mode: .nearest, padding: .reflection, alignCorners: true), type(.int4, [1, 3, 4]),
            type(.float64, [1, 6, 1])),
        DataCase(GridSample(mode: .cubic, padding: .border), f32([1, 1, 3, 4, 5]), f32([1, 2, 0, 2, 3])),
        DataCase(SpaceToDepth(blockSize: 2), type(.uint4, [1, 3, 4, 6])),
        DataCase(DepthToSpace(blockSize: 2, channelsFirst: true), f32([1, 8, 0, 3])),
    ]

    static let recurrent: [DataCase] = [
        DataCase(accumulation, f32([2]), f32([5, 2]), f32([])),
        DataCase(RNN(), f32([4, 2, 3]), f32([1, 5, 3]), f32([1, 5, 5])),
        DataCase(
            RNN(RecurrentSettings(direction: .bidirectional, activations: [.relu, .softplus], hasLengths: true)),
            type(.float64, [4, 2, 3]), type(.float64, [2, 5, 3]), type(.float64, [2, 5, 5]), type(.int64, [2])),
        DataCase(
            GRU(RecurrentSettings(direction: .reverse, clip: 2, hasBias: true), linearBeforeReset: true),
            type(.bfloat16, [4, 2, 3]), type(.bfloat16, [1, 15, 3]), type(.bfloat16, [1, 15, 5]),
            type(.bfloat16, [1, 30])),
        DataCase(
            LSTM(
                RecurrentSettings(hasBias: true, hasInitialHidden: true), hasInitialCell: true, hasPeepholes: true,
                inputForget: true),
            f32([4, 2, 3]), f32([1, 20, 3]), f32([1, 20, 5]), f32([1, 40]), f32([1, 2, 5]), f32([1, 2, 5]),
            f32([1, 15])),
        DataCase(LSTM(), f32([0, 2, 3]), f32([1, 0, 3]), f32([1, 0, 0])),
    ]

    static let quantization: [DataCase] = [
        DataCase(Quantize(to: .int4), type(.float16, [3]), f32([])),
        DataCase(
            Quantize(to: .uint8, grid: QuantizationGrid(axis: 1, hasZeroPoint: true)),
            f32([2, 3]), f32([3]), type(.uint8, [3])),
        DataCase(
            Quantize(to: .float8e5m2, grid: QuantizationGrid(axis: -1, blockSize: 3)),
            type(.int32, [2, 7]), f32([2, 3])),
        DataCase(
            Dequantize(to: .bfloat16, grid: QuantizationGrid(axis: 0, blockSize: 1 << 40, hasZeroPoint: true)),
            type(.uint4, [2, 7]), f32([1, 7]), type(.uint4, [1, 7])),
        DataCase(Dequantize(to: .float64), type(.float8e4m3fn, [2, 7]), f32([1])),
    ]

    static let random: [DataCase] = [
        DataCase(Threefry2x32(), key, type(.uint32, [3, 2]), type(.uint32, [3, 2])),
        DataCase(ThreefryBits(shape: []), key),
        DataCase(ThreefryBits(shape: [3, 0, 2]), key),
        DataCase(RandomUniform(type(.float64, [2, 3])), key),
        DataCase(RandomUniform(type(.bfloat16, [])), key),
        DataCase(RandomNormal(type(.float16, [4])), key),
        DataCase(RandomNormal(type(.float64, [0])), key),
    ]

    /// Running sum of slices times a factor, and whether it is positive.
    static var accumulation: Scan {
        let slice = f32([2])
        do {
            let body = try GraphBuilder.region([slice, slice, f32([])]) { _, arguments throws(GraphError) in
                let sum = try arguments[0] + arguments[1] * arguments[2].broadcast(to: [2])
                return [sum, try sum.compare(.greater, 0)]
            }
            return Scan(body: body, stateCount: 1, sequenceCount: 1, reverse: true)
        } catch {
            fatalError("the body of the scan case is wrong: \(error)")
        }
    }
}
