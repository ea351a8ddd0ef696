// Heterodyne: the attributes of ONNX operators that move windows over spatial dimensions.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneOps

/// Kernel, strides, dilations and padding of one node; each list has one entry per spatial dimension.
struct WindowAttributes {
    /// How `auto_pad` chooses the padding.
    enum AutoPad {
        /// `pads` holds it.
        case explicit
        /// There is none.
        case valid
        /// So much that there are ⌈extent / stride⌉ windows, an odd element more at the end.
        case sameUpper
        /// So much that there are ⌈extent / stride⌉ windows, an odd element more at the start.
        case sameLower
    }

    var kernel: [Int]
    var strides: [Int]
    var dilations: [Int]
    var autoPad: AutoPad
    /// The amounts of `pads`; what `auto_pad` asks for needs the extents of the input.
    var low: [Int]
    var high: [Int]

    /// The padding as the composites' convenience functions take it.
    var padding: SpatialPadding {
        switch autoPad {
        case .explicit: .explicit(low: low, high: high)
        case .valid: .valid
        case .sameUpper: .sameUpper
        case .sameLower: .sameLower
        }
    }
}

extension OperatorContext {
    /// Largest number of elements of a window's extents, strides and padding that attributes may name.
    private static var windowLimit: Int { 1 << 40 }

    /// `kernel_shape`, `strides`, `dilations`, `pads` and `auto_pad`, for an input of `spatialRank` spatial dimensions
    /// and, where the operator has weights, the extents of their windows.
    func windowAttributes(spatialRank: Int, weights: [Int]? = nil) throws(GraphError) -> WindowAttributes {
        guard spatialRank >= 1 else {
            throw GraphError(.shapeMismatch, "the input has no spatial dimension after batch and channels")
        }
        func list(_ name: String, _ count: Int, default value: Int) throws(GraphError) -> [Int] {
            guard let given = try optionalInts(name), !given.isEmpty else {
                return [Int](repeating: value, count: count)
            }
            guard given.count == count else {
                throw GraphError(
                    .invalidAttribute,
                    "attribute \(quoted(name)) has \(given.count) numbers; \(spatialRank) spatial dimensions need "
                        + "\(count)")
            }
            guard given.allSatisfy({ $0 >= -Self.windowLimit && $0 <= Self.windowLimit }) else {
                throw GraphError(.invalidAttribute, "attribute \(quoted(name)) has numbers out of range: \(given)")
            }
            return given
        }
        let kernel: [Int]
        if let weights {
            kernel = try list("kernel_shape", spatialRank, default: 0)
            guard optionalIsEmpty("kernel_shape") || kernel == weights else {
                throw GraphError(
                    .shapeMismatch,
                    "attribute 'kernel_shape' is \(kernel) and the weights have windows of \(weights)")
            }
        } else {
            kernel = try list("kernel_shape", spatialRank, default: 0)
            guard !optionalIsEmpty("kernel_shape") else {
                throw GraphError(.invalidAttribute, "attribute 'kernel_shape' is missing")
            }
        }
        let pads = try list("pads", 2 * spatialRank, default: 0)
        let autoPad: WindowAttributes.AutoPad = try choice(
            "auto_pad", default: "NOTSET",
            ["NOTSET": .explicit, "": .explicit, "VALID": .valid, "SAME_UPPER": .sameUpper, "SAME_LOWER": .sameLower])
        return WindowAttributes(
            kernel: weights ?? kernel, strides: try list("strides", spatialRank, default: 1),
            dilations: try list("dilations", spatialRank, default: 1), autoPad: autoPad,
            low: Array(pads[..<spatialRank]), high: Array(pads[spatialRank...]))
    }

    private func optionalIsEmpty(_ name: String) -> Bool {
        switch attribute(name) {
        case .none: true
        case .ints(let numbers): numbers.isEmpty
        case .floats(let numbers): numbers.isEmpty
        default: false
        }
    }

    /// The extents of the windows of weights [·, ·, K…] as numbers.
    func kernelExtents(_ weights: Term) throws(GraphError) -> [Int] {
        guard weights.rank >= 3 else {
            throw GraphError(
                .shapeMismatch, "weights are \(weights.type); they need two dimensions of channels and a window")
        }
        return try Shape(Array(weights.shape.dimensions[2...])).extents()
    }
}
