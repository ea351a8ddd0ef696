// Heterodyne: tests of the catalog of chips.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HeterodyneBackend
import HeterodyneGraph
import Testing

@testable import HeterodyneRoofline

@Suite struct ProfileCatalogTests {
    @Test func everyBuiltInFileIsAProfileOfItsName() throws {
        for file in ProfileCatalog.builtInFiles {
            let profile = try ChipProfile(parsing: file.bytes, path: file.name)
            #expect(profile.id + ".json" == file.name)
        }
        #expect(ProfileCatalog.builtIn.count == ProfileCatalog.builtInFiles.count)
    }

    @Test(arguments: [
        ("A100", "nvidia-a100-sxm-80gb"), ("h100", "nvidia-h100-sxm"), ("BR100", "biren-br100"),
        ("TPUv5e", "google-tpu-v5e"), ("tpu v5e", "google-tpu-v5e"), ("910B", "huawei-ascend-910b3"),
        ("MLU370", "cambricon-mlu370-x8"), ("Kunlun 2", "baidu-kunlun-2"), ("Hanguang", "alibaba-hanguang-800"),
        ("nvidia-p100-sxm2", "nvidia-p100-sxm2"), ("昇腾910B", "huawei-ascend-910b3"),
    ])
    func chipsAreFoundByTheNamesThatPeopleUse(name: String, id: String) throws {
        #expect(try ProfileCatalog(folders: []).profile(named: name).id == id)
    }

    @Test func unknownNamesListTheNearest() {
        let error = #expect(throws: ProfileError.self) { try ProfileCatalog(folders: []).profile(named: "A10O") }
        #expect(error?.kind == .unknownChip)
        #expect(error?.message.contains("nvidia-a100-sxm-80gb") == true)
    }

    @Test func namesAreUnambiguous() throws {
        let catalog = ProfileCatalog(folders: [])
        for profile in catalog.profiles {
            for name in [profile.id, profile.name] + profile.aliases {
                #expect(try catalog.profile(named: name).id == profile.id, "\(name)")
            }
        }
    }

    @Test func filesAreReadByTheirPath() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("profiles-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("folder.json"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let catalog = ProfileCatalog(folders: [])
        func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
        let renamed = ChipProfileTests.text.replacingOccurrences(of: "acme-one", with: "nvidia-h100-sxm")
        try renamed.write(toFile: path("one.json"), atomically: true, encoding: .utf8)
        #expect(try catalog.profile(named: path("one.json")).name == "One")
        // A file takes the place of a chip of this package.
        #expect(try ProfileCatalog(folders: [folder.path]).profile(named: "nvidia-h100-sxm").vendor == "Acme")
        #expect(try ProfileCatalog(folders: [folder.path]).profile(named: "H200").vendor == "NVIDIA")

        // A pipe without a writer must not make anybody wait; the rest is no file of a profile's size.
        #expect(mkfifo(path("pipe.json"), 0o600) == 0)
        try Data(count: 2 << 20).write(to: folder.appendingPathComponent("large.json"))
        try Data([0xFF, 0xFE]).write(to: folder.appendingPathComponent("bytes.json"))
        let kinds: [(String, ProfileError.Kind)] = [
            ("pipe.json", .unreadable), ("folder.json", .unreadable), ("none.json", .unreadable),
            ("large.json", .malformed), ("bytes.json", .malformed),
        ]
        for (name, kind) in kinds {
            let error = #expect(throws: ProfileError.self) { try catalog.profile(named: path(name)) }
            #expect(error?.kind == kind && error?.path == path(name), "\(String(describing: error))")
        }
        let refused = ProfileCatalog(folders: [folder.path, folder.path]).refused
        #expect(refused.count == 2 * 4 + 1)
        #expect(refused.contains { $0.error.message.contains("which counts") })
    }
}
