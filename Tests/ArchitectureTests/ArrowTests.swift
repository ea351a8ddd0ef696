// Heterodyne: which module may import which.
// SPDX-License-Identifier: Apache-2.0

import Testing

/// The arrows of `docs/Architecture.md`: for every module, the modules of this package that it may import. An arrow
/// that is not here is forbidden; tests may import what the manifest gives them.
let allowedArrows: [String: Set<String>] = [
    "HeterodyneEmulation": [],
    "HeterodyneGraph": [],
    "HeterodyneBackend": ["HeterodyneGraph"],
    "HeterodyneJSON": [],
    "HeterodyneOps": ["HeterodyneGraph"],
    "HeterodyneCompiler": ["HeterodyneGraph", "HeterodyneOps", "HeterodyneBackend", "HeterodyneEmulation"],
    "HeterodyneRuntime": ["HeterodyneGraph", "HeterodyneOps", "HeterodyneBackend", "HeterodyneCompiler"],
    "CHostKernels": [],
    "HeterodyneHostKernels": ["HeterodyneGraph", "HeterodyneBackend", "CHostKernels"],
    "HeterodyneKernelIR": ["HeterodyneGraph", "HeterodyneEmulation"],
    "HeterodyneReference": ["HeterodyneGraph", "HeterodyneBackend"],
    "HeterodyneOpenBLAS": ["HeterodyneGraph", "HeterodyneBackend", "HeterodyneHostKernels"],
    "CVulkan": [],
    "HeterodyneVulkan": ["HeterodyneGraph", "HeterodyneBackend", "HeterodyneKernelIR", "CVulkan"],
    "CHeterodynePlugin": [],
    "CPluginProbe": ["CHeterodynePlugin"],
    "HeterodynePluginHost": [
        "HeterodyneGraph", "HeterodyneBackend", "HeterodyneJSON", "CHeterodynePlugin", "CPluginProbe",
    ],
    "HeterodynePluginKit": ["HeterodyneGraph", "HeterodyneBackend", "CHeterodynePlugin"],
    "HeterodyneReferencePlugin": ["HeterodynePluginKit", "CHeterodynePlugin", "HeterodyneReference"],
    "HeterodyneOpenBLASPlugin": ["HeterodynePluginKit", "CHeterodynePlugin", "HeterodyneOpenBLAS"],
    "HeterodyneVulkanPlugin": ["HeterodynePluginKit", "CHeterodynePlugin", "HeterodyneVulkan"],
    "HeterodyneSimulatedPlugin": ["HeterodynePluginKit", "CHeterodynePlugin", "HeterodyneSimulated"],
    "HeterodyneRoofline": ["HeterodyneGraph", "HeterodyneBackend", "HeterodyneJSON"],
    "HeterodyneSimulated": [
        "HeterodyneGraph", "HeterodyneBackend", "HeterodyneHostKernels", "HeterodyneRoofline",
    ],
    "HeterodyneWeights": ["HeterodyneGraph", "HeterodyneJSON"],
    "HeterodyneONNX": ["HeterodyneGraph", "HeterodyneOps"],
    "HeterodyneModels": [
        "HeterodyneGraph", "HeterodyneBackend", "HeterodyneCompiler", "HeterodyneRuntime", "HeterodyneONNX",
    ],
    "HeterodyneConformance": [
        "HeterodyneGraph", "HeterodyneOps", "HeterodyneBackend", "HeterodyneCompiler", "HeterodyneRuntime",
        "HeterodyneONNX", "HeterodyneModels", "HeterodyneEmulation",
    ],
    "Heterodyne": [
        "HeterodyneGraph", "HeterodyneOps", "HeterodyneBackend", "HeterodyneCompiler", "HeterodyneRuntime",
        "HeterodyneWeights", "HeterodyneONNX", "HeterodyneModels", "HeterodyneReference", "HeterodyneOpenBLAS",
        "HeterodyneVulkan", "HeterodynePluginHost",
    ],
    "CommandOutput": [],
    "devquery": ["Heterodyne", "HeterodyneConformance", "CommandOutput"],
    "heterodyne-cli": [
        "Heterodyne", "HeterodyneConformance", "HeterodyneONNX", "HeterodyneModels", "HeterodyneRoofline",
        "CommandOutput",
    ],
    "SentenceEmbeddingModel": ["Heterodyne"],
    "SentenceEmbedding": ["Heterodyne", "SentenceEmbeddingModel"],
    "SamplePlots": [],
    "SamplePolicies": ["Heterodyne"],
    "HeatEquationModel": ["Heterodyne", "SamplePolicies"],
    "HeatEquation": ["Heterodyne", "SamplePolicies", "SamplePlots", "HeatEquationModel"],
    "KeplerOrbitModel": ["Heterodyne", "SamplePolicies"],
    "KeplerOrbit": ["Heterodyne", "SamplePolicies", "SamplePlots", "KeplerOrbitModel"],
    "AllocationCounter": [],
    "heterodyne-benchmarks": [
        "Heterodyne", "HeterodyneVulkan", "HeterodyneRoofline", "SentenceEmbeddingModel", "AllocationCounter",
    ],
]

/// Modules of other packages, and who may import them.
let allowedPackages: [String: Set<String>] = [
    "ArgumentParser": [
        "devquery", "heterodyne-cli", "SentenceEmbedding", "HeatEquation", "KeplerOrbit", "heterodyne-benchmarks",
    ],
    "Logging": ["HeterodyneRuntime"],
    "SwiftProtobuf": ["HeterodyneONNX"],
    "Numerics": ["HeterodyneReference"],
    "RealModule": ["HeterodyneReference"],
    "ComplexModule": ["HeterodyneReference"],
]

/// Modules of the toolchain that anyone may import; `Foundation` is for what touches files, people or processes.
let toolchainModules: Set<String> = ["Glibc", "Musl", "Synchronization", "Dispatch", "Runtime"]

/// The modules that must stay free of Foundation, so that they cost little to link and to port.
let withoutFoundation: Set<String> = [
    "HeterodyneEmulation", "HeterodyneGraph", "HeterodyneBackend", "HeterodyneOps", "HeterodyneCompiler",
    "HeterodyneRuntime",
    "HeterodyneHostKernels", "HeterodyneReference", "HeterodyneOpenBLAS", "HeterodyneKernelIR",
    "HeterodyneVulkan", "HeterodyneJSON", "HeterodynePluginHost", "HeterodynePluginKit", "HeterodyneRoofline",
    "HeterodyneSimulated", "HeterodyneWeights",
]

@Suite("Arrows")
struct ArrowTests {
    let tree = SourceTree.current
    let targets = ManifestReader.targets(of: SourceTree.current.manifest)

    /// The target that a file belongs to: the one whose folder is the longest prefix of its path.
    func target(of file: SourceFile) -> ManifestTarget? {
        targets.filter { file.path.hasPrefix($0.path + "/") }.max { $0.path.count < $1.path.count }
    }

    @Test("The manifest is read: every module has a row in the table")
    func manifestIsRead() {
        #expect(targets.count >= 30)
        #expect(tree.files.count >= 150)
        let names = Set(targets.filter { !$0.isTest }.map(\.name))
        #expect(names == Set(allowedArrows.keys), "a new module needs a row in the table and in docs/Architecture.md")
    }

    @Test("The arrows have no cycle")
    func noCycle() {
        var done = Set<String>()
        var remaining = allowedArrows
        while let next = remaining.first(where: { $0.value.isSubset(of: done) }) {
            done.insert(next.key)
            remaining[next.key] = nil
        }
        #expect(remaining.isEmpty, "these import each other: \(remaining.keys.sorted())")
    }

    @Test("The manifest declares no forbidden dependency")
    func manifestArrows() {
        for target in targets where !target.isTest {
            let forbidden = target.dependencies.subtracting(allowedArrows[target.name] ?? [])
            #expect(forbidden.isEmpty, "\(target.name) depends on \(forbidden.sorted())")
        }
    }

    @Test("No file imports against the arrows")
    func importArrows() {
        let all = Set(targets.map(\.name))
        for file in tree.files where file.isSwift {
            guard let target = target(of: file) else {
                Issue.record("\(file.path) belongs to no target")
                continue
            }
            for (module, line) in file.imports {
                let place = "\(file.path):\(line)"
                if target.isTest {
                    guard all.contains(module) else { continue }
                    #expect(closure(target.dependencies).contains(module), "\(place) imports \(module)")
                } else if all.contains(module) {
                    #expect(allowedArrows[target.name]?.contains(module) == true, "\(place) imports \(module)")
                } else if let users = allowedPackages[module] {
                    #expect(users.contains(target.name), "\(place) imports \(module)")
                } else if module == "Foundation" || module.hasPrefix("Foundation") {
                    #expect(!withoutFoundation.contains(target.name), "\(place) imports \(module)")
                } else {
                    #expect(toolchainModules.contains(module), "\(place) imports \(module), which no table allows")
                }
            }
        }
    }

    /// What a target can import through its dependencies and theirs.
    private func closure(_ direct: Set<String>) -> Set<String> {
        var result = direct
        var pending = Array(direct)
        while let next = pending.popLast() {
            for dependency in targets.first(where: { $0.name == next })?.dependencies ?? []
            where result.insert(dependency).inserted { pending.append(dependency) }
        }
        return result
    }

    @Test(
        "Import lines are recognised",
        arguments: [
            ("import A", "A"), ("public import A.B", "A"), ("@testable import A", "A"),
            ("@_exported public import A", "A"), ("internal import struct A.S", "A"), ("let important = 1", nil),
            ("important import A", nil),
        ] as [(String, String?)])
    func importLines(line: String, module: String?) { #expect(SourceFile.imported(by: line) == module) }
}
