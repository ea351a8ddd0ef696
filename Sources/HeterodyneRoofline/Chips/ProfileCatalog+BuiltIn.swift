// Heterodyne: the profiles that come with this package.
// SPDX-License-Identifier: Apache-2.0

extension ProfileCatalog {
    /// A profile as it lies in the folder `Profiles`.
    struct BuiltInFile: Sendable {
        /// The name of the file.
        var name: String
        /// Its content.
        var bytes: [UInt8]
    }

    /// Every file of the folder `Profiles`; a test compares the two.
    static var builtInFiles: [BuiltInFile] {
        [
            BuiltInFile(name: "alibaba-hanguang-800.json", bytes: PackageResources.alibaba_hanguang_800_json),
            BuiltInFile(name: "amd-alveo-u280.json", bytes: PackageResources.amd_alveo_u280_json),
            BuiltInFile(name: "amd-mi300x.json", bytes: PackageResources.amd_mi300x_json),
            BuiltInFile(name: "baidu-kunlun-1.json", bytes: PackageResources.baidu_kunlun_1_json),
            BuiltInFile(name: "baidu-kunlun-2.json", bytes: PackageResources.baidu_kunlun_2_json),
            BuiltInFile(name: "biren-br100.json", bytes: PackageResources.biren_br100_json),
            BuiltInFile(name: "cambricon-mlu270-s4.json", bytes: PackageResources.cambricon_mlu270_s4_json),
            BuiltInFile(name: "cambricon-mlu370-x8.json", bytes: PackageResources.cambricon_mlu370_x8_json),
            BuiltInFile(name: "google-tpu-v5e.json", bytes: PackageResources.google_tpu_v5e_json),
            BuiltInFile(name: "huawei-ascend-910.json", bytes: PackageResources.huawei_ascend_910_json),
            BuiltInFile(name: "huawei-ascend-910b2.json", bytes: PackageResources.huawei_ascend_910b2_json),
            BuiltInFile(name: "huawei-ascend-910b3.json", bytes: PackageResources.huawei_ascend_910b3_json),
            BuiltInFile(name: "huawei-ascend-910b4.json", bytes: PackageResources.huawei_ascend_910b4_json),
            BuiltInFile(name: "hygon-dcu-z100.json", bytes: PackageResources.hygon_dcu_z100_json),
            BuiltInFile(name: "hygon-dcu-z100l.json", bytes: PackageResources.hygon_dcu_z100l_json),
            BuiltInFile(name: "iluvatar-bi-v100.json", bytes: PackageResources.iluvatar_bi_v100_json),
            BuiltInFile(name: "iluvatar-mr-v100.json", bytes: PackageResources.iluvatar_mr_v100_json),
            BuiltInFile(name: "intel-xeon-6776p.json", bytes: PackageResources.intel_xeon_6776p_json),
            BuiltInFile(name: "microsoft-maia-100.json", bytes: PackageResources.microsoft_maia_100_json),
            BuiltInFile(name: "nvidia-a100-sxm-40gb.json", bytes: PackageResources.nvidia_a100_sxm_40gb_json),
            BuiltInFile(name: "nvidia-a100-sxm-80gb.json", bytes: PackageResources.nvidia_a100_sxm_80gb_json),
            BuiltInFile(name: "nvidia-a800-sxm-80gb.json", bytes: PackageResources.nvidia_a800_sxm_80gb_json),
            BuiltInFile(name: "nvidia-b200-hgx.json", bytes: PackageResources.nvidia_b200_hgx_json),
            BuiltInFile(name: "nvidia-dgx-1-p100.json", bytes: PackageResources.nvidia_dgx_1_p100_json),
            BuiltInFile(name: "nvidia-gb200-nvl72.json", bytes: PackageResources.nvidia_gb200_nvl72_json),
            BuiltInFile(name: "nvidia-h100-sxm.json", bytes: PackageResources.nvidia_h100_sxm_json),
            BuiltInFile(name: "nvidia-h200-sxm.json", bytes: PackageResources.nvidia_h200_sxm_json),
            BuiltInFile(name: "nvidia-h800-sxm.json", bytes: PackageResources.nvidia_h800_sxm_json),
            BuiltInFile(name: "nvidia-p100-sxm2.json", bytes: PackageResources.nvidia_p100_sxm2_json),
            BuiltInFile(name: "tencent-zixiao.json", bytes: PackageResources.tencent_zixiao_json),
        ]
    }
}
