// Heterodyne: tensors from files and back.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Heterodyne
import Testing

@Suite("Files of tensors")
struct FileTests {
    /// A folder that is removed with the value.
    final class Folder {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("heterodyne-\(UUID().uuidString)").path

        init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    @Test("safetensors", arguments: Device.all) func safetensors(device: Device) throws {
        let folder = try Folder()
        let path = folder.path + "/model.safetensors"
        let x = Tensor.randomNormal([3, 5], seed: 1)
        let y = Tensor.arange(4, .int32) + 1
        try Tensor.save(["x": x, "y": y], safetensors: path, metadata: ["made": "here"], on: device)
        for loaded in [try Tensor.load(safetensors: path), try Tensor.load(path), try Tensor.load(folder.path)] {
            #expect(Set(loaded.keys) == ["x", "y"])
            let again = try #require(loaded["x"])
            #expect(try again.scalars(as: Float.self) == x.scalars(as: Float.self))
            #expect(try #require(loaded["y"]).scalars(as: Int32.self, on: device) == [1, 2, 3, 4])
            #expect(try (again - x).abs().max().item(as: Float.self, on: device) == 0)
        }
        #expect(try SafetensorsFile(path: path).metadata == ["made": "here"])
    }

    @Test("npy and npz") func npy() throws {
        let folder = try Folder()
        let x = Tensor([1, 2, 3, 4] as [Double], shape: [2, 2]).matmul(Tensor.eye(2, .float64))
        try x.save(npy: folder.path + "/x.npy")
        let again = try Tensor(contentsOfNpy: folder.path + "/x.npy")
        #expect(again.type == x.type)
        #expect(try again.scalars(as: Double.self) == [1, 2, 3, 4])
        try Tensor.save(["x": x, "flags": Tensor([true, false])], npz: folder.path + "/x.npz")
        let loaded = try Tensor.load(folder.path + "/x.npz")
        #expect(try #require(loaded["flags"]).scalars(as: Bool.self) == [true, false])
        let one = try Tensor("x", in: NpzFile(path: folder.path + "/x.npz"))
        #expect(try one.scalars(as: Double.self) == [1, 2, 3, 4])
    }

    @Test("what cannot be read or written is refused by name") func mistakes() throws {
        let folder = try Folder()
        let missing = folder.path + "/missing"
        #expect(throws: WeightsError.self) { try Tensor(contentsOfNpy: missing) }
        #expect(throws: WeightsError.self) { try Tensor.load(missing) }
        #expect(throws: WeightsError.self) { try Tensor.load(safetensors: missing) }
        let bad = Tensor.zeros([2, 3]).reshape([7])
        do throws(TensorFileError) {
            try Tensor.save(["weight": bad], safetensors: folder.path + "/bad.safetensors")
            Issue.record("a mistake was saved")
        } catch {
            #expect(error.description.contains("'weight'"))
            #expect(error.description.contains("FileTests.swift"))
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/bad.safetensors"))
        #expect(throws: TensorFileError.self) { try Tensor.zeros([2]).save(npy: folder.path + "/no/such/folder.npy") }
        try Data("not a tensor".utf8).write(to: URL(fileURLWithPath: missing))
        #expect(throws: WeightsError.self) { try Tensor.load(missing) }
        #expect(throws: WeightsError.self) { try Tensor(contentsOfNpy: missing) }
    }
}
