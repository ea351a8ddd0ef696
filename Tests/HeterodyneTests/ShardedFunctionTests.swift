// Heterodyne: compiled functions over several devices.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import Testing

@Suite("Functions over several devices")
struct ShardedFunctionTests {
    static let pairs: [[Device]] = {
        let all = Device.all
        return all.flatMap { a in all.filter { $0 != a }.map { [a, $0] } }
    }()

    static let x = Tensor((0..<9 * 5).map { Float($0) * 0.125 - 2 }, shape: [9, 5])
    static let weights = Tensor((0..<5 * 4).map { Float($0 % 7) - 3 }, shape: [5, 4])

    /// Small integers and eighths: every device computes the product exactly.
    static let function = compile { (x: Tensor) in (x.matmul(weights) + 1).maximum(0) }

    @Test("Every pair of devices gives what one gives", arguments: pairs, [[1, 1], [0.1, 0.9], [1, 0]])
    func everyPair(devices: [Device], shares: [Double]) throws {
        let expected = try Self.function(Self.x).scalars(as: Float.self)
        let split = Self.function.sharded(over: devices, shares: shares)
        for _ in 0..<2 { #expect(try split(Self.x).scalars(as: Float.self) == expected) }
        let lines = try split.report(for: [Self.x.type]).entries.filter { $0.kind == .shard }
        #expect(lines.count == (shares[1] == 0 ? 1 : 2))
    }

    @Test("Batches of all sizes, measured once") func sizes() throws {
        let split = try Self.function.sharded(over: DeviceSet(Device.all))
        for rows in [9, 0, 1, 2, 5] {
            let x = Self.x[0..<rows]
            let expected = try Self.function(x).scalars(as: Float.self)
            #expect(try split(x).scalars(as: Float.self) == expected)
        }
        #expect(split.speeds.count == Device.all.count)
        let before = split.speeds
        try split.rebalance()
        #expect(split.speeds.keys == before.keys)
        #expect(try split(Self.x).scalars(as: Float.self) == Self.function(Self.x).scalars(as: Float.self))
    }

    @Test("Arguments that all rows share, and several results") func sharedArguments() throws {
        let function = compile(all: { arguments in
            let y = arguments[0] * arguments[1]
            return [y, y.sum([1]), arguments[1] * 2]
        })
        let scale = Tensor([1, 2, 3, 4, 5] as [Float])
        let split = function.sharded(over: Device.all, axes: [0, nil], shares: Device.all.map { _ in 1 })
        let (whole, parts) = (try function.results([Self.x, scale]), try split.results([Self.x, scale]))
        #expect(whole.count == parts.count)
        for (a, b) in zip(whole, parts) {
            #expect(a.shape == b.shape)
            #expect(try a.scalars(as: Float.self) == b.scalars(as: Float.self))
        }
        // Left to the default, the five numbers would be rows, of which there are nine.
        #expect(throws: HeterodyneError.self) { try function.sharded(over: Device.all).results([Self.x, scale]) }
    }

    @Test("A function that mixes rows is refused with its operation") func refusal() throws {
        let function = compile { (x: Tensor) in x - x.mean([0], keepDimensions: true) }
        let line = #line - 1
        do {
            _ = try function.sharded(over: Device.all)(Self.x)
            Issue.record("was split")
        } catch {
            #expect(error.location?.line == line)
            guard case .graph(let inner) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(inner.kind == .unsupported, "\(inner)")
        }
        #expect(throws: HeterodyneError.self) { try Self.function.sharded(over: [])(Self.x) }
    }
}
