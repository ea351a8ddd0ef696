// Heterodyne: models whose batch is split over devices give PyTorch's results.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneModels
import HeterodyneONNX
import Testing

@Suite("Models over several devices")
struct ShardedModelTests {
    @Test("Every case of every exported model, split between two devices", arguments: PyTorchModelTests.files)
    func cases(file: String) throws {
        let devices = Array(Device.all.prefix(2))
        let model = try pyTorchModel(file)
        let values = try PyTorchValues(String(file.prefix { $0 != "." }))
        let runner = try ModelRunner(model, on: devices[0], runtime: .shared)
        var options = ShardOptions()
        options.shares = devices.map { _ in 1 }
        for name in values.cases {
            let inputs = try values.inputs(name, of: model).mapValues { ONNXData($0) }
            let split = try ShardedModel(runner, inputs, over: devices, options: options)
            let rows = split.program.analysis.rowCount
            #expect(split.program.shares.count == max(1, min(rows, devices.count)), "\(file) \(name): \(rows) rows")
            try split.run()
            for (output, data) in try split.outputs() {
                try expectClose(data, try values.value("\(name)/\(output)"), "\(file) \(name)/\(output)")
            }
            #expect(try split.timeline().count == split.program.shares.count)
            #expect(split.report.entries.contains { $0.kind == .shard })
        }
    }

    @Test("What the model does not have is named")
    func mistakes() throws {
        let model = try pyTorchModel("lstm.dynamo")
        let runner = try ModelRunner(model, on: Device.all[0], runtime: .shared)
        do {
            _ = try ShardedModel(runner, ["nothing": ONNXData(Literal([Float(1)]))], over: Device.all)
            Issue.record("was split")
        } catch { #expect("\(error)".contains("no input 'nothing'")) }
    }
}
