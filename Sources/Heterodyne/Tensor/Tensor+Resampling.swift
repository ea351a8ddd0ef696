// Heterodyne: images of other sizes and at other positions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
public import HeterodyneOps

extension Tensor {
    /// The tensor resampled along `axes` to `sizes`, by the nearest element, linear or cubic interpolation.
    public func resize(
        axes: [Int], sizes: [Int], mode: ResizeMode = .nearest, transform: CoordinateTransform = .halfPixel,
        nearestMode: NearestMode = .roundPreferFloor, antialias: Bool = false, file: String = #fileID,
        line: Int = #line
    ) -> Tensor {
        map("resize", file: file, line: line) { (x) throws(GraphError) in
            try x.resize(
                axes: axes, sizes: sizes, mode: mode, transform: transform, nearestMode: nearestMode,
                antialias: antialias)
        }
    }

    /// The tensor resampled along `axes`, extents multiplied by `scales` and rounded down.
    public func resize(
        axes: [Int], scales: [Double], mode: ResizeMode = .nearest, transform: CoordinateTransform = .halfPixel,
        nearestMode: NearestMode = .roundPreferFloor, antialias: Bool = false, file: String = #fileID,
        line: Int = #line
    ) -> Tensor {
        map("resize", file: file, line: line) { (x) throws(GraphError) in
            try x.resize(
                axes: axes, scales: scales, mode: mode, transform: transform, nearestMode: nearestMode,
                antialias: antialias)
        }
    }

    /// [batch, channels, space…] sampled at the positions `grid` [batch, out…, k], which run from -1 to 1, last
    /// dimension first.
    public func gridSample(
        _ grid: Tensor, mode: ResizeMode = .linear, padding: GridPadding = .zeros, alignCorners: Bool = false,
        file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("gridSample", with: [grid], file: file, line: line) { (t) throws(GraphError) in
            try t[0].gridSample(t[1], mode: mode, padding: padding, alignCorners: alignCorners)
        }
    }

    /// Blocks of `blockSize` x `blockSize` of [batch, channels, height, width] moved into channels.
    public func spaceToDepth(blockSize: Int, file: String = #fileID, line: Int = #line) -> Tensor {
        map("spaceToDepth", file: file, line: line) { (x) throws(GraphError) in
            try x.spaceToDepth(blockSize: blockSize)
        }
    }

    /// Channels of [batch, channels, height, width] moved into blocks of `blockSize` x `blockSize`. `channelsFirst` is
    /// PyTorch's pixel shuffle (ONNX CRD); the default is ONNX DCR.
    public func depthToSpace(
        blockSize: Int, channelsFirst: Bool = false, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        map("depthToSpace", file: file, line: line) { (x) throws(GraphError) in
            try x.depthToSpace(blockSize: blockSize, channelsFirst: channelsFirst)
        }
    }
}
