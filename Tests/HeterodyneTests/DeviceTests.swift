// Heterodyne: choosing devices, and tensors that move between them.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import Testing

@Suite("Devices")
struct DeviceTests {
    @Test("a tensor computed on one device is used on another", arguments: Device.all, Device.all)
    func transfer(from first: Device, to second: Device) throws {
        let x = try Tensor.randomUniform([4, 4], seed: 3).evaluated(on: first)
        #expect(x.deviceID == first.id)
        let expected = try x.scalars(as: Float.self).map { $0 * 2 }
        let y = try (x * 2).evaluated(on: second)
        #expect(y.deviceID == second.id)
        #expect(try y.scalars(as: Float.self) == expected)
        // A value stays where it is.
        #expect(try x.evaluated(on: second).deviceID == first.id)
        let f = compile(device: second) { (x: Tensor) in x * 2 }
        #expect(try f(x).scalars(as: Float.self) == expected)
    }

    @Test("the task's default device is used, and ends with its scope", arguments: Device.all)
    func taskDefault(device: Device) async throws {
        let before = try Device.current
        let inside = try Device.withDefault(device) { () throws(HeterodyneError) -> String? in
            try (Tensor.ones([2]) + 1).evaluated().deviceID
        }
        #expect(inside == device.id)
        let current = try await Device.withDefault(device) {
            await Task.yield()
            return try Device.current
        }
        #expect(current == device)
        #expect(try Device.current == before)
    }

    @Test("an unknown device is refused with the ones that exist") func unknown() {
        do throws(HeterodyneError) {
            _ = try Device("abacus")
            Issue.record("there is no such device")
        } catch {
            #expect(error.description.contains("reference"))
            #expect(error.description.contains("abacus"))
        }
    }

    @Test("a tensor knows no device before it is computed") func pending() {
        #expect((Tensor.zeros([2]) + 1).deviceID == nil)
        #expect(Tensor([1, 2] as [Float]).deviceID == nil)
    }

    @Test("a number takes no program and no device that has its type", arguments: Device.all)
    func numbers(device: Device) throws {
        let masked = device.masking(.float64)
        let number = try Tensor(Double(0.1)).evaluated(on: masked)
        #expect(number.deviceID == nil)
        #expect(try number.item(as: Double.self, on: masked) == 0.1)
        // Handed to a compiled function it is data: one program serves all numbers.
        let double = compile(device: device) { (x: Tensor) in x + x }
        for value in [1.5, 2.5, -0.0] { #expect(try double(Tensor(value)).item(as: Double.self) == 2 * value) }
        // What would fill memory for nothing is still made where it is needed.
        #expect(try Tensor.zeros([4096]).evaluated(on: device).deviceID == device.id)
    }
}
