// Heterodyne: the collected facts on chips, to compare the profiles with.
// SPDX-License-Identifier: Apache-2.0

/// What was collected on chips in 2026, in the units of data sheets: TFLOP/s and TOP/s dense, GB, GB/s, W. An empty cell is
/// unknown, 0 says that there is none. The profiles were written from these rows and their notes.
struct ChipFacts {
    /// One chip: its cells by the name of the column.
    var cells: [String: String]

    /// The number of a cell, nil where it is empty.
    func number(_ column: String) -> Double? { cells[column].flatMap { $0.isEmpty ? nil : Double($0) } }

    /// The text of a cell.
    func text(_ column: String) -> String { cells[column] ?? "" }

    /// All rows.
    static let all: [ChipFacts] = {
        let lines = table.split(separator: "\n").map { line in
            line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        return lines.dropFirst().map { cells in
            ChipFacts(cells: Dictionary(uniqueKeysWithValues: zip(lines[0], cells)))
        }
    }()

    private static let table = """
        id,vendor,year,class,roles,fp64_tflops,fp64_tensor_tflops,fp32_tflops,tf32_tflops,fp16_tflops,bf16_tflops,fp8_tflops,int8_tops,int4_tops,\
        memory_gb,memory_bandwidth_gbs,interconnect_gbs,tdp_w,confidence
        nvidia-a100-sxm-40gb,NVIDIA,2020,GPGPU,training/inference,9.7,19.5,19.5,156,312,312,0,624,1248,40,1555,600,400,high
        nvidia-a100-sxm-80gb,NVIDIA,2020,GPGPU,training/inference,9.7,19.5,19.5,156,312,312,0,624,1248,80,2039,600,400,high
        nvidia-a800-sxm-80gb,NVIDIA,2022,GPGPU,training/inference,9.7,19.5,19.5,156,312,312,0,624,,80,2039,400,400,medium
        nvidia-h100-sxm,NVIDIA,2022,GPGPU,training/inference,34,67,67,494.5,989.5,989.5,1979,1979,,80,3350,900,700,high
        nvidia-h800-sxm,NVIDIA,2023,GPGPU,training/inference,1,1,67,494.5,989.5,989.5,1979,1979,,80,3350,400,700,medium
        nvidia-h200-sxm,NVIDIA,2023,GPGPU,training/inference,34,67,67,494.5,989.5,989.5,1979,1979,,141,4800,900,700,high
        nvidia-b200-hgx,NVIDIA,2024,GPGPU,training/inference,37,37,75,1100,2250,2250,4500,4500,,180,8000,1800,1000,high
        nvidia-gb200-nvl72,NVIDIA,2024,GPGPU,training/inference,2880,2880,5760,90000,180000,180000,360000,360000,,13400,576000,130000,120000,high
        nvidia-dgx-1-p100,NVIDIA,2016,GPGPU,training/inference,42.4,0,84.8,0,170,,0,,,128,5760,1280,,high
        nvidia-p100-sxm2,NVIDIA,2016,GPGPU,training/inference,5.3,0,10.6,0,21.2,,0,,,16,720,160,300,high
        amd-mi300x,AMD,2023,GPGPU,training/inference,81.7,163.4,163.4,653.7,1307.4,1307.4,2614.9,2614.9,,192,5300,896,750,high
        google-tpu-v5e,Google,2023,ASIC,training/inference,,,,,,197,,393,,16,819,400,,high
        microsoft-maia-100,Microsoft,2023,ASIC,training/inference,,,,,,800,,,,64,1800,1200,700,high
        huawei-ascend-910,Huawei,2019,ASIC,training,,,,,256,,,512,,32,1200,90,350,high
        huawei-ascend-910b2,Huawei,2023,ASIC,training/inference,,,99,,376,,,,,64,1600,392,400,medium
        huawei-ascend-910b3,Huawei,2023,ASIC,training/inference,,,82,,313,,,,,64,1600,392,400,medium
        huawei-ascend-910b4,Huawei,2023,ASIC,inference,,,75,,280,,,,,32,800,392,,medium
        biren-br100,Biren,2022,GPGPU,training/inference,0,0,256,512,,1024,,2048,,64,1640,512,550,high
        iluvatar-mr-v100,Iluvatar CoreX,2022,GPGPU,inference,,,24,,96,,0,192,,32,800,64,150,medium
        iluvatar-bi-v100,Iluvatar CoreX,2021,GPGPU,training/inference,,,37,,147,147,,295,,32,1200,64,250,high
        cambricon-mlu270-s4,Cambricon,2019,ASIC,inference,,,,,,,,128,256,16,102,,70,high
        cambricon-mlu370-x8,Cambricon,2022,ASIC,training/inference,,,24,,96,96,,256,512,48,614.4,200,250,high
        hygon-dcu-z100,Hygon,2021,GPGPU,training/inference,10.8,,,,,,,,,32,1024,184,,medium
        hygon-dcu-z100l,Hygon,2022,GPGPU,training/inference,10.1,,12.2,,24.5,,,49.1,,32,1024,184,280,low
        alibaba-hanguang-800,Alibaba T-Head,2019,ASIC,inference,,,,,,,,825,,0.192,,,280,high
        baidu-kunlun-1,Baidu Kunlunxin,2019,ASIC,inference,,,16,,64,,,256,,16,512,,150,medium
        baidu-kunlun-2,Baidu Kunlunxin,2021,ASIC,training/inference,,,32,,128,,,256,,32,512,200,150,medium
        tencent-zixiao,Tencent,2021,ASIC,inference,,,,,,,,,,,,,,low
        intel-xeon-6776p,Intel,2025,CPU,training/inference,4.71,,9.42,,150.7,150.7,,301.5,,,409.6,,350,medium
        amd-alveo-u280,AMD (Xilinx),2019,FPGA,inference,,,,,,,,24.5,,8,460,,,medium
        """
}
