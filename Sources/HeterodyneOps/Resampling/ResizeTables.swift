// Heterodyne: which input elements an output position of `resize` reads, and with which weights.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// How output positions map to input coordinates. With `s` the scale, `n` the input extent, `m` the output extent, and
/// `l` the length before rounding, which is `s n`, or `m` where no scales are given:
public enum CoordinateTransform: String, Sendable, Hashable, CaseIterable {
    /// `(x + 0.5) / s - 0.5`.
    case halfPixel
    /// As `halfPixel`, but around the centre also where `m` is not exactly `n s`.
    case halfPixelSymmetric
    /// As `halfPixel`, but 0 where `m` is 1.
    case pytorchHalfPixel
    /// `(x + 0.5) / s` (ONNX `tf_half_pixel_for_nn`).
    case shiftedHalfPixel
    /// `x (n - 1) / (l - 1)`; 0 where `l` is 1.
    case alignCorners
    /// `x / s`.
    case asymmetric
    /// From `roi` start to end of the input; the extrapolation value outside of the input.
    case cropAndResize
}

/// How nearest-neighbour resizing rounds coordinates.
public enum NearestMode: String, Sendable, Hashable, CaseIterable {
    /// To the nearest, halves down.
    case roundPreferFloor
    /// To the nearest, halves up.
    case roundPreferCeil
    /// Down.
    case floor
    /// Up.
    case ceil
}

/// How `resize` interpolates.
public enum ResizeMode: String, Sendable, Hashable, CaseIterable {
    /// The nearest element.
    case nearest
    /// Linear between the two neighbours along every axis.
    case linear
    /// Cubic over four neighbours along every axis (Keys, 1981).
    case cubic
}

/// The taps of one resized axis: output `o` is `sum(weights[t][o] * x[indices[t][o]])`.
struct ResizeTable {
    var indices: [[Int]]
    var weights: [[Double]]
    /// Output positions that lie outside of the input and take the extrapolation value.
    var outside: [Bool]
}

extension Resize {
    /// Largest number of table entries that one axis may need.
    static let tableLimit = 1 << 24

    /// The coordinate in the input of output position `x`.
    func coordinate(_ x: Int, input: Int, output: Int, scale: Double, roi: (Double, Double)) -> Double {
        let (x, n, m) = (Double(x), Double(input), Double(output))
        let length = scales.isEmpty ? m : scale * n
        switch transform {
        case .halfPixel: return (x + 0.5) / scale - 0.5
        case .halfPixelSymmetric:
            let exact = scale * n
            return n / 2 * (1 - m / exact) + (x + 0.5) / scale - 0.5
        case .pytorchHalfPixel: return output > 1 ? (x + 0.5) / scale - 0.5 : 0
        case .shiftedHalfPixel: return (x + 0.5) / scale
        case .alignCorners: return length != 1 ? x * (n - 1) / (length - 1) : 0
        case .asymmetric: return x / scale
        case .cropAndResize:
            return length != 1
                ? roi.0 * (n - 1) + x * (roi.1 - roi.0) * (n - 1) / (length - 1) : 0.5 * (roi.0 + roi.1) * (n - 1)
        }
    }

    func table(input: Int, output: Int, scale: Double, roi: (Double, Double)) -> ResizeTable {
        let taps = tapCount(scale: scale)
        var table = ResizeTable(
            indices: [[Int]](repeating: [Int](repeating: 0, count: output), count: taps),
            weights: [[Double]](repeating: [Double](repeating: 0, count: output), count: taps),
            outside: [Bool](repeating: false, count: output))
        for o in 0..<output {
            let position = coordinate(o, input: input, output: output, scale: scale, roi: roi)
            if transform == .cropAndResize && !(position >= 0 && position <= Double(input - 1)) {
                table.outside[o] = true
            }
            // Coordinates far outside read the edge; the clamp keeps the conversions below in range.
            let clamped = min(max(position.isNaN ? 0 : position, -1e15), 1e15)
            let (first, weights) = tapsAt(clamped, scale: scale, input: input)
            for (t, weight) in weights.enumerated() {
                table.indices[t][o] = min(max(first + t, 0), input - 1)
                table.weights[t][o] = weight
            }
        }
        return table
    }

    /// Half the width of the kernel around a coordinate, in input elements.
    private func reach(scale: Double) -> Int {
        let support = mode == .linear ? 1.0 : 2.0
        let widened = antialias && scale < 1 ? support / scale : support
        return Int(min(max(widened.rounded(.up), support), 1e9))
    }

    func tapCount(scale: Double) -> Int { mode == .nearest ? 1 : 2 * reach(scale: scale) }

    /// The first input element of the taps at `position` (it may lie outside) and their weights.
    private func tapsAt(_ position: Double, scale: Double, input: Int) -> (Int, [Double]) {
        if mode == .nearest {
            let rounded =
                switch nearestMode {
                case .floor: position.rounded(.down)
                case .ceil: position.rounded(.up)
                case .roundPreferFloor: (position - 0.5).rounded(.up)
                case .roundPreferCeil: (position + 0.5).rounded(.down)
                }
            return (Int(rounded), [1])
        }
        let reach = self.reach(scale: scale)
        let first = Int(position.rounded(.down)) - reach + 1
        let shrink = antialias ? min(scale, 1) : 1
        var weights = (0..<2 * reach).map { kernel((Double(first + $0) - position) * shrink) }
        if excludeOutside {
            for t in weights.indices where first + t < 0 || first + t >= input { weights[t] = 0 }
        }
        if excludeOutside || antialias {
            let sum = weights.reduce(0, +)
            if sum != 0 { weights = weights.map { $0 / sum } }
        }
        return (first, weights)
    }

    /// The interpolation kernel at distance `x` from the coordinate.
    private func kernel(_ x: Double) -> Double {
        let x = abs(x)
        if mode == .linear { return max(0, 1 - x) }
        let a = cubicCoefficient
        if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
        if x < 2 { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
        return 0
    }
}
