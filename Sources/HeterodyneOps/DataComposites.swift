// Heterodyne: the list of composites that move, choose, resample, contract, recur, quantize and randomize.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// The composites on data: one half of the standard set.
public enum DataComposites {
    /// Every composite of this half, for registries and conformance tables.
    public static let all: [any Composite.Type] = [
        ArgMax.self, ArgMin.self, TopK.self, SortValues.self, OneHot.self,
        CumulativeSum.self, CumulativeProduct.self, CumulativeMax.self, CumulativeMin.self,
        Take.self, GatherElements.self, ScatterElements.self, GatherND.self, ScatterND.self, Trilu.self, Tile.self,
        ReduceMean.self, ReduceVariance.self, Einsum.self,
        Resize.self, GridSample.self, SpaceToDepth.self, DepthToSpace.self,
        Scan.self, RNN.self, GRU.self, LSTM.self,
        Quantize.self, Dequantize.self,
        Threefry2x32.self, ThreefryBits.self, RandomUniform.self, RandomNormal.self,
    ]
}
