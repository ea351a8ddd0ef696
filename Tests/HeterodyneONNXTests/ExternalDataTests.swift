// Heterodyne: external data that would lead elsewhere.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneGraph
import HeterodyneONNX
import Testing

extension ONNXReaderTests {
    /// Every test has a folder of its own: `model/` is the model's, `secret.bin` lies beside it.
    @Suite final class ExternalDataTests {
        let root: URL
        let folder: URL

        init() throws {
            root = FileManager.default.temporaryDirectory.appendingPathComponent(
                "onnx-\(UInt64.random(in: 0 ... .max))")
            folder = root.appendingPathComponent("model")
            let sub = folder.appendingPathComponent("sub")
            try FileManager.default.createDirectory(at: sub, withIntermediateDirectories: true)
            let data = Data([0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64, 0, 0, 128, 64, 9, 9])
            for url in [root.appendingPathComponent("secret.bin"), folder.appendingPathComponent("w.bin")] {
                try data.write(to: url)
            }
            try data.write(to: sub.appendingPathComponent("w.bin"))
        }

        deinit { try? FileManager.default.removeItem(at: root) }

        func load(_ message: Message) throws(ONNXError) -> ONNXModel {
            let path = folder.appendingPathComponent("m.onnx")
            do { try Data(message.bytes).write(to: path) } catch { Issue.record("\(error)") }
            return try ONNXModel.load(path.path)
        }

        func expect(
            _ kind: ONNXError.Kind, _ parts: [String], _ message: Message,
            sourceLocation: Testing.SourceLocation = #_sourceLocation
        ) {
            expectError(kind, ["m.onnx", "'w'"] + parts, sourceLocation: sourceLocation) { () throws(ONNXError) in
                _ = try load(message)
            }
        }

        @Test(arguments: ["w.bin", "sub/w.bin", "./w.bin", "sub//w.bin"])
        func inside(location: String) throws {
            let model = try load(.external(location))
            #expect(try model.graph.initializers[0].literal().scalars(as: Float.self) == [1, 2, 3, 4])
        }

        @Test func offsets() throws {
            // An offset that is no multiple of four: the elements are copied.
            try Data([7] + (try contents(folder.appendingPathComponent("w.bin").path)))
                .write(to: folder.appendingPathComponent("odd.bin"))
            let model = try load(.external("odd.bin", offset: "1", length: "16"))
            #expect(try model.graph.initializers[0].literal().scalars(as: Float.self) == [1, 2, 3, 4])
        }

        @Test(arguments: [
            ("../secret.bin", "'..'"), ("sub/../../secret.bin", "'..'"), ("sub/../w.bin", "'..'"), ("..", "'..'"),
            ("/etc/passwd", "absolute"), ("", "no location"), (".", "folder itself"), ("w.bin\0.txt", "zero byte"),
        ])
        func traversal(location: String, reason: String) { expect(.externalData, [reason], .external(location)) }

        @Test func links() throws {
            let manager = FileManager.default
            let secret = root.appendingPathComponent("secret.bin")
            try manager.createSymbolicLink(at: folder.appendingPathComponent("link.bin"), withDestinationURL: secret)
            try manager.createSymbolicLink(at: folder.appendingPathComponent("up"), withDestinationURL: root)
            try manager.createSymbolicLink(
                atPath: folder.appendingPathComponent("near.bin").path, withDestinationPath: "w.bin")
            try manager.linkItem(at: secret, to: folder.appendingPathComponent("hard.bin"))
            expect(.externalData, ["symbolic", "link.bin"], .external("link.bin"))
            expect(.externalData, ["symbolic", "'up'"], .external("up/secret.bin"))
            expect(.externalData, ["symbolic"], .external("near.bin"))
            expect(.externalData, ["hard links", "hard.bin"], .external("hard.bin"))
        }

        @Test func files() {
            expect(.fileNotFound, ["gone.bin"], .external("gone.bin"))
            expect(.fileNotFound, ["w.bin"], .external("w.bin/x"))
            expect(.notRegularFile, ["sub", "directory"], .external("sub"))
            #expect(mkfifo(folder.appendingPathComponent("pipe").path, 0o600) == 0)
            expect(.notRegularFile, ["pipe"], .external("pipe"))
        }

        @Test(
            arguments: [
                ("4", nil, "18"), ("9223372036854775807", nil, "18"), ("9223372036854775808", nil, "offset"),
                ("-1", nil, "offset"), ("1e3", nil, "offset"), ("", nil, "offset"), ("0", "15", "15"),
                ("0", "17", "17"),
                ("0", "-16", "length"), ("18446744073709551615", "16", "offset"),
            ] as [(String, String?, String)])
        func ranges(offset: String, length: String?, part: String) {
            expect(.externalData, [part], .external("w.bin", offset: offset, length: length))
        }

        @Test func mainFile() throws {
            expectError(.fileNotFound, ["nothing.onnx"]) { () throws(ONNXError) in
                _ = try ONNXModel.load(folder.appendingPathComponent("nothing.onnx").path)
            }
            expectError(.notRegularFile, ["directory"]) { () throws(ONNXError) in _ = try ONNXModel.load(folder.path) }
            expectError(.fileNotFound, ["zero byte"]) { () throws(ONNXError) in _ = try ONNXModel.load("a\0b") }
            var limits = ONNXLimits()
            limits.fileBytes = 10
            expectError(.limitExceeded, ["external data"]) { () throws(ONNXError) in
                _ = try ONNXModel.load(fixture("mlp.onnx"), limits: limits)
            }
            // Larger than the format's encoding can be; sparse on disk, and never read.
            let large = folder.appendingPathComponent("large.onnx")
            try Data().write(to: large)
            #expect(truncate(large.path, 1 << 31) == 0)
            expectError(.limitExceeded, ["large.onnx"]) { () throws(ONNXError) in _ = try ONNXModel.load(large.path) }
        }

        @Test("External files may be larger than the format allows for models")
        func largeExternal() throws {
            let large = folder.appendingPathComponent("large.bin")
            try Data().write(to: large)
            #expect(truncate(large.path, 3 << 30) == 0)
            let model = try load(.external("large.bin", offset: "\(3 << 30 - 16)"))
            #expect(try model.graph.initializers[0].literal().scalars(as: Float.self) == [0, 0, 0, 0])
        }
    }
}
