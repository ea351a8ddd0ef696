// Heterodyne: donated arguments are updated in place and cannot be read afterwards.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Heterodyne

@Suite("Donated arguments")
struct DonationTests {
    static func address(_ tensor: Tensor) throws -> UnsafeMutableRawPointer? {
        try tensor.placedBuffer().buffer.hostAddress
    }

    /// Puts a row into a cache at a position that changes from call to call.
    static func cacheUpdate(on device: Device) -> CompiledFunction {
        compile(device: device, donating: [0]) { (cache: Tensor, row: Tensor, position: Tensor) in
            cache.updating([position, 0], with: row)
        }
    }

    @Test("a key-value cache is updated in place", arguments: Device.all) func cache(device: Device) throws {
        let step = Self.cacheUpdate(on: device)
        let types = [
            TensorType(.float32, [4, 2]), TensorType(.float32, [1, 2]), TensorType.scalar(.int32),
        ]
        var cache = try (Tensor.zeros([4, 2]) + Tensor.zeros([4, 2])).evaluated(on: device)
        var addresses: Set<UnsafeMutableRawPointer?> = [try Self.address(cache)]
        for position in 0..<4 as Range<Int32> {
            cache = try step(cache, Tensor.full([1, 2], Float(position + 1)), Tensor(position))
            addresses.insert(try Self.address(cache))
        }
        #expect(try cache.scalars(as: Float.self) == [1, 1, 2, 2, 3, 3, 4, 4])
        // Where the program says that it updates in place, no other memory was ever used.
        let inPlace = try step.program(for: types).inPlaceOutputs[0] == 0
        #expect(!inPlace || addresses.count == 1)
        if device.id == "openblas" { #expect(inPlace, "the OpenBLAS backend updates caches in place") }
    }

    @Test("a donated tensor carries an error", arguments: Device.all) func afterwards(device: Device) throws {
        let step = Self.cacheUpdate(on: device)
        let cache = try Tensor.randomUniform([4, 2], seed: 1).evaluated(on: device)
        let dependent = cache + 1
        _ = try step(cache, Tensor.ones([1, 2]), Tensor(Int32(2)))
        #expect(cache.error != nil)
        #expect(throws: HeterodyneError.self) { try cache.scalars(as: Float.self) }
        #expect(throws: HeterodyneError.self) { try dependent.scalars(as: Float.self) }
        #expect((cache * 2).error != nil)
        #expect(cache.description.contains("donated"))
        #expect(throws: HeterodyneError.self) { try step(cache, Tensor.ones([1, 2]), Tensor(Int32(2))) }
    }

    @Test("what others refer to is not overwritten", arguments: Device.all) func sharing(device: Device) throws {
        let step = Self.cacheUpdate(on: device)
        // The memory of an array that a literal holds.
        let literal = try Literal([1, 2, 3, 4, 5, 6, 7, 8] as [Float], shape: [4, 2])
        let updated = try step(Tensor(literal), Tensor.zeros([1, 2]), Tensor(Int32(0)))
        #expect(try updated.scalars(as: Float.self) == [0, 0, 3, 4, 5, 6, 7, 8])
        #expect(try literal.scalars(as: Float.self) == [1, 2, 3, 4, 5, 6, 7, 8])
        // A tensor that another compiled function captured as a constant.
        let captured = try (Tensor.ones([4, 2]) + Tensor.ones([4, 2])).evaluated(on: device)
        let reader = compile(device: device) { (x: Tensor) in x + captured }
        #expect(try reader(Tensor.zeros([4, 2])).scalars(as: Float.self) == [Float](repeating: 2, count: 8))
        _ = try step(captured, Tensor.zeros([1, 2]), Tensor(Int32(0)))
        #expect(try reader(Tensor.zeros([4, 2])).scalars(as: Float.self) == [Float](repeating: 2, count: 8))
    }

    @Test("one tensor cannot be donated twice", arguments: Device.all) func twice(device: Device) throws {
        let f = compile(device: device, donating: [0, 1]) { (x: Tensor, y: Tensor) in x + y }
        let x = try Tensor.randomUniform([3], seed: 1).evaluated(on: device)
        #expect(throws: HeterodyneError.self) { try f(x, x) }
        #expect(x.error == nil)
        // As a donated and as an ordinary argument it is copied first.
        let g = compile(device: device, donating: [0]) { (x: Tensor, y: Tensor) in x + y }
        let expected = try x.scalars(as: Float.self).map { $0 + $0 }
        #expect(try g(x, x).scalars(as: Float.self) == expected)
    }

    @Test("a result beside a donated one stays") func results() throws {
        let device = try Device.current
        let best = Tensor([3, 1, 2] as [Float]).topK(2)
        try Tensor.evaluate([best.values], on: device)
        let f = compile(device: device, donating: [0]) { (x: Tensor) in x + 1 }
        #expect(try f(best.values).scalars(as: Float.self) == [4, 3])
        #expect(best.values.error != nil)
        #expect(try best.indices.scalars(as: Int64.self) == [0, 2])
        #expect(try (best.indices + 1).scalars(as: Int64.self) == [1, 3])
    }

    @Test("indices that are no arguments are ignored") func indices() throws {
        let f = compile(donating: [5, -1]) { (x: Tensor) in x + 1 }
        #expect(throws: HeterodyneError.self) { try f() }
        _ = try? f(Tensor.zeros([2]))
    }
}
