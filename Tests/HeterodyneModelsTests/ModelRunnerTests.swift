// Heterodyne: tests of running imported models.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import HeterodyneModels
import HeterodyneONNX
import Testing

@Suite("Models on devices")
struct ModelRunnerTests {
    func model(_ name: String) throws -> ONNXModel {
        let url = try #require(Bundle.module.url(forResource: name, withExtension: "onnx", subdirectory: "Fixtures"))
        return try ONNXModel.load(url.path(percentEncoded: false))
    }

    @Test("A sum and an error function, for two shapes", arguments: Device.all.map(\.id))
    func sumAndErrorFunction(device: String) throws {
        let runner = try ModelRunner(try model("add_erf"), on: try Device(device), runtime: .shared)
        for width in [3, 5] {
            let a = try Literal((0..<2 * width).map { Float($0) / 4 }, shape: Shape([2, width]))
            let b = Literal((0..<width).map { Float($0) / 8 - 1 })
            let results = try runner.run(["a": ONNXData(a), "b": ONNXData(b)])
            #expect(results.map(\.name) == ["d"])
            guard case .tensor(.float32, let literal) = try #require(results.first).data else {
                Issue.record("the result is no tensor of float32")
                return
            }
            #expect(literal.type == TensorType(.float32, [2, width]))
            for (index, value) in try literal.scalars(as: Float.self).enumerated() {
                let sum = Double(index) / 4 + Double(index % width) / 8 - 1
                let expected: Double = Foundation.erf(sum)
                #expect(abs(Double(value) - expected) < 1e-6)
            }
        }
    }

    @Test("A missing, a superfluous and an unfit input are named")
    func wrongInputs() throws {
        let runner = try ModelRunner(try model("add_erf"), on: try Device("reference"), runtime: .shared)
        let a = ONNXData(Literal(Float(1), shape: [2, 3]))
        func message(_ inputs: [String: ONNXData]) -> String {
            do {
                _ = try runner.run(inputs)
                return ""
            } catch { return "\(error)" }
        }
        #expect(message(["a": a]).contains("'b': no value is given"))
        #expect(message(["a": a, "b": a, "x": a]).contains("no input 'x'; its inputs: 'a', 'b'"))
        #expect(message(["a": a, "b": a]).contains("is float32[n] and was given float32[2, 3]"))
        #expect(message(["a": a, "b": ONNXData(Literal(Float(1), shape: [2]))]).contains("node of 'c' ('Add')"))
        #expect(message(["a": a, "b": ONNXData(Literal(Double(1), shape: [3]))]).contains("was given float64[3]"))
    }
}
