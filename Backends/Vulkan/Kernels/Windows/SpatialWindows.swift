// Heterodyne: windows over spatial dimensions, as kernels of convolution and pooling take them.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// Windows over the spatial dimensions of [N, C, S…].
struct SpatialWindows: Hashable, Sendable {
    /// The most spatial dimensions of kernels: more would not fit the push constants that every device has.
    static let largestRank = 3

    var kernel: [Int]
    var strides: [Int]
    var dilations: [Int]
    var low: [Int]
    var high: [Int]

    /// Reads the attributes; nil where a list has another length than `kernel` or a number is too large.
    init?(_ reader: inout AttributeReader, kernel: [Int]) throws(GraphError) {
        self.kernel = kernel
        strides = try reader.integers("strides")
        dilations = try reader.integers("dilations")
        low = try reader.integers("low")
        high = try reader.integers("high")
        let lists = [kernel, strides, dilations, low, high]
        guard (1...Self.largestRank).contains(kernel.count), lists.allSatisfy({ $0.count == kernel.count }),
            lists.joined().allSatisfy({ (0..<(1 << 24)).contains($0) }),
            (kernel + strides + dilations).allSatisfy({ $0 > 0 })
        else { return nil }
        // Kernels compute coordinates in 32 bits.
        for (taps, dilation) in zip(kernel, dilations) where (taps - 1) * dilation >= 1 << 28 { return nil }
    }

    var rank: Int { kernel.count }
    /// Elements of a window; the largest number where there are more.
    var tapCount: Int {
        kernel.reduce(1) { count, extent in
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            return overflow ? .max : product
        }
    }
}

/// What changes the code of a kernel over windows; extents and padding are numbers of the launch.
struct WindowForm: Hashable, Sendable {
    var kernel: [Int]
    var strides: [Int]
    var dilations: [Int]

    init(_ windows: SpatialWindows) {
        kernel = windows.kernel
        strides = windows.strides
        dilations = windows.dilations
    }

    /// Runs `body` for every element of a window, with its coordinates in the window and its number.
    func forEachTap(_ builder: KernelBuilder, _ body: ([KernelValue], KernelValue) -> Void) {
        descend(builder, 0, [], builder.constant(0, .u32), body)
    }

    private func descend(
        _ builder: KernelBuilder, _ d: Int, _ taps: [KernelValue], _ number: KernelValue,
        _ body: ([KernelValue], KernelValue) -> Void
    ) {
        guard d < kernel.count else { return body(taps, number) }
        if kernel[d] == 1 {
            return descend(builder, d + 1, taps + [builder.constant(0, .u32)], number, body)
        }
        builder.loop(kernel[d]) { tap in
            descend(builder, d + 1, taps + [tap], number * kernel[d] + tap, body)
        }
    }
}
