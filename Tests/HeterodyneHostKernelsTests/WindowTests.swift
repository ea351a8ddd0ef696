// Heterodyne: tests of convolutions and pooling against double arithmetic.
// SPDX-License-Identifier: Apache-2.0
import CHostKernels
import Foundation
import Testing

extension HostKernels {
    @Suite struct Windows {
        /// One geometry: batch, channels, outputs, groups, and for each of three dimensions extent, taps, stride,
        /// dilation, padding before and after.
        struct Geometry: Sendable, CustomTestStringConvertible {
            var fixed: [Int]
            var dimensions: [[Int]]

            var out: [Int] {
                dimensions.map { ($0[0] + $0[4] + $0[5] - ($0[1] - 1) * $0[3] - 1) / $0[2] + 1 }
            }

            var testDescription: String { "\(fixed) \(dimensions)" }

            var description: hk_windows {
                func triple(_ list: [Int]) -> (Int64, Int64, Int64) {
                    (Int64(list[0]), Int64(list[1]), Int64(list[2]))
                }
                return hk_windows(
                    batch: Int64(fixed[0]), channels: Int64(fixed[1]), outputs: Int64(fixed[2]),
                    groups: Int64(fixed[3]), in: triple(dimensions.map { $0[0] }),
                    kernel: triple(dimensions.map { $0[1] }), out: triple(out),
                    stride: triple(dimensions.map { $0[2] }), dilation: triple(dimensions.map { $0[3] }),
                    low: triple(dimensions.map { $0[4] }), high: triple(dimensions.map { $0[5] }))
            }

            /// Calls `body` with every window's position in the result and, tap by tap, the position in the image or nil.
            func forEachTap(_ output: Int, _ body: (_ tap: Int, _ position: Int?) -> Void) {
                let (kernel, out) = (dimensions.map { $0[1] }, out)
                let o = [output / (out[1] * out[2]), output / out[2] % out[1], output % out[2]]
                for tap in 0..<kernel[0] * kernel[1] * kernel[2] {
                    let k = [tap / (kernel[1] * kernel[2]), tap / kernel[2] % kernel[1], tap % kernel[2]]
                    var position: Int? = 0
                    for d in 0..<3 {
                        let place = o[d] * dimensions[d][2] + k[d] * dimensions[d][3] - dimensions[d][4]
                        guard let before = position, place >= 0, place < dimensions[d][0] else {
                            position = nil
                            continue
                        }
                        position = before * dimensions[d][0] + place
                    }
                    body(tap, position)
                }
            }
        }

        static let one = [1, 1, 1, 1, 0, 0]
        static let geometries: [Geometry] = [
            Geometry(fixed: [2, 8, 12, 1], dimensions: [one, [9, 3, 1, 1, 1, 1], [11, 3, 1, 1, 1, 1]]),
            Geometry(fixed: [1, 6, 10, 2], dimensions: [one, [13, 3, 2, 1, 1, 1], [17, 5, 2, 1, 2, 2]]),
            Geometry(fixed: [3, 5, 70, 1], dimensions: [one, [7, 1, 1, 1, 0, 0], [7, 1, 1, 1, 0, 0]]),
            Geometry(fixed: [1, 7, 7, 7], dimensions: [one, [12, 3, 1, 2, 2, 2], [40, 3, 1, 2, 2, 2]]),
            Geometry(fixed: [2, 4, 8, 4], dimensions: [one, [10, 3, 3, 1, 0, 1], [9, 2, 3, 1, 1, 0]]),
            Geometry(
                fixed: [1, 4, 6, 1], dimensions: [[5, 2, 1, 1, 0, 1], [6, 3, 2, 1, 1, 1], [7, 2, 1, 3, 2, 1]]),
            Geometry(fixed: [2, 3, 3, 1], dimensions: [one, [13, 13, 1, 1, 0, 0], [11, 11, 1, 1, 0, 0]]),
            Geometry(fixed: [1, 9, 5, 1], dimensions: [one, one, [50, 7, 3, 2, -2, 4]]),
            Geometry(fixed: [1, 24, 100, 1], dimensions: [one, [6, 3, 1, 1, 1, 1], [7, 3, 1, 1, 1, 1]]),
            Geometry(fixed: [1, 3, 16, 1], dimensions: [one, [23, 7, 2, 1, 3, 3], [30, 7, 2, 1, 3, 3]]),
        ]

        @Test(arguments: geometries, levels) func convolution(geometry: Geometry, level: Int) {
            let (batch, channels, outputs, groups) = (
                geometry.fixed[0], geometry.fixed[1], geometry.fixed[2], geometry.fixed[3]
            )
            let image = geometry.dimensions.reduce(1) { $0 * $1[0] }
            let taps = geometry.dimensions.reduce(1) { $0 * $1[1] }
            let pixels = geometry.out.reduce(1, *)
            let perGroup = channels / groups
            var random = Random(image + outputs)
            let x = Storage(.float32, numbers: random.floats(batch * channels * image))
            let weights = Storage(.float32, numbers: random.floats(outputs * perGroup * taps))
            let bias = Storage(.float32, numbers: random.floats(outputs))
            let (xs, ws, bs) = (x.numbers, weights.numbers, bias.numbers)
            for hasBias in [true, false] {
                let y = Storage(.float32, count: batch * outputs * pixels)
                var description = geometry.description
                #expect(hk_windows_validate(&description) == HK_OK)
                atLevel(level) {
                    #expect(
                        hk_convolution(
                            &description, x.floats, weights.floats, hasBias ? bias.floats : nil, y.floats,
                            sharedPool.pointer) == HK_OK)
                }
                var wrong = 0
                for n in 0..<batch {
                    for o in 0..<outputs {
                        for p in 0..<pixels {
                            var (sum, magnitude) = hasBias ? (bs[o], abs(bs[o])) : (0, 0)
                            for c in 0..<perGroup {
                                let channel = n * channels + o / (outputs / groups) * perGroup + c
                                geometry.forEachTap(p) { tap, position in
                                    guard let position else { return }
                                    let term = xs[channel * image + position] * ws[(o * perGroup + c) * taps + tap]
                                    sum += term
                                    magnitude += abs(term)
                                }
                            }
                            let found = Double(y.floats[(n * outputs + o) * pixels + p])
                            if !(abs(found - sum) <= Double(perGroup * taps + 12) * 0x1p-24 * (magnitude + 1)) {
                                wrong += 1
                            }
                        }
                    }
                }
                #expect(wrong == 0)
            }
        }

        @Test(arguments: geometries, levels) func pooling(geometry: Geometry, level: Int) {
            let planes = geometry.fixed[0] * geometry.fixed[1]
            let image = geometry.dimensions.reduce(1) { $0 * $1[0] }
            let pixels = geometry.out.reduce(1, *)
            var random = Random(image)
            var numbers = random.floats(planes * image)
            numbers[image / 2] = .nan
            let x = Storage(.float32, numbers: numbers)
            let xs = x.numbers
            var description = geometry.description
            for countsPadding in [false, true] {
                let largest = Storage(.float32, count: planes * pixels)
                let means = Storage(.float32, count: planes * pixels)
                atLevel(level) {
                    for (kind, y) in [(HK_POOL_MAXIMUM, largest), (HK_POOL_AVERAGE, means)] {
                        #expect(
                            hk_pool_windows(
                                &description, Int32(kind), countsPadding ? 1 : 0, x.floats, y.floats,
                                sharedPool.pointer) == HK_OK)
                    }
                }
                var wrong = 0
                for plane in 0..<planes {
                    for p in 0..<pixels {
                        var (best, sum, magnitude, inside, counted) = (-Double.infinity, 0.0, 0.0, 0, 0)
                        geometry.forEachTap(p) { _, position in
                            counted += 1
                            guard let position else { return }
                            inside += 1
                            let value = xs[plane * image + position]
                            best = value.isNaN || best.isNaN ? .nan : max(best, value)
                            sum += value
                            magnitude += abs(value)
                        }
                        let place = plane * pixels + p
                        let found = Double(largest.floats[place])
                        if !(found == best || (found.isNaN && best.isNaN)) { wrong += 1 }
                        // These geometries have no window beyond the padding, so every tap counts.
                        let mean = sum / Double(countsPadding ? counted : inside)
                        let average = Double(means.floats[place])
                        let bound = Double(counted + 4) * 0x1p-24 * (magnitude + 1)
                        if !(abs(average - mean) <= bound || (average.isNaN && mean.isNaN)) { wrong += 1 }
                    }
                }
                #expect(wrong == 0)
            }
        }

        @Test func refusals() {
            var description = Self.geometries[0].description
            description.groups = 3
            #expect(hk_windows_validate(&description) == HK_ERR_SHAPE)
            description = Self.geometries[0].description
            description.stride.1 = 0
            #expect(hk_windows_validate(&description) == HK_ERR_SHAPE)
            description = Self.geometries[0].description
            description.in.2 = Int64.max
            #expect(hk_windows_validate(&description) == HK_ERR_SHAPE)
            #expect(hk_windows_validate(nil) == HK_ERR_ARGUMENT)
        }
    }
}
