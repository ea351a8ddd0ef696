// Heterodyne: tests of the catalog of chips.
// SPDX-License-Identifier: Apache-2.0

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
}
