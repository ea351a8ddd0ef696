// swift-tools-version: 6.1
import PackageDescription

/// Settings that every Swift target shares: the upcoming features that swift-log and swift-nio build with.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

/// A library module under `Sources/`.
func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// A backend under `Backends/`. It may see Graph, Backend and a kernel library, nothing else.
func backend(_ folder: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(
        name: "Heterodyne\(folder)", dependencies: dependencies, path: "Backends/\(folder)", exclude: ["README.md"],
        swiftSettings: settings)
}

/// A backend of this package as a plugin: the shared library `libheterodyne-NAME.so`.
func plugin(_ folder: String) -> Target {
    .target(
        name: "Heterodyne\(folder)Plugin",
        dependencies: ["HeterodynePluginKit", "CHeterodynePlugin", .target(name: "Heterodyne\(folder)")],
        path: "Backends/Plugins/\(folder)", swiftSettings: settings)
}

/// A command under `Sources/`.
func command(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// A test target under `Tests/`.
func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

let package = Package(
    name: "heterodyne",
    products: [
        .library(name: "Heterodyne", targets: ["Heterodyne"]),
        .library(name: "HeterodyneBackend", targets: ["HeterodyneGraph", "HeterodyneBackend"]),
        .library(name: "HeterodyneConformance", targets: ["HeterodyneConformance"]),
        .library(name: "HeterodyneWeights", targets: ["HeterodyneWeights"]),
        .library(name: "HeterodyneONNX", targets: ["HeterodyneONNX", "HeterodyneModels"]),
        .library(
            name: "HeterodynePluginKit",
            targets: ["HeterodyneGraph", "HeterodyneBackend", "CHeterodynePlugin", "HeterodynePluginKit"]),
        .library(name: "heterodyne-reference", type: .dynamic, targets: ["HeterodyneReferencePlugin"]),
        .library(name: "heterodyne-openblas", type: .dynamic, targets: ["HeterodyneOpenBLASPlugin"]),
        .library(name: "heterodyne-vulkan", type: .dynamic, targets: ["HeterodyneVulkanPlugin"]),
        .library(name: "heterodyne-simulated", type: .dynamic, targets: ["HeterodyneSimulatedPlugin"]),
        .executable(name: "devquery", targets: ["devquery"]),
        .executable(name: "heterodyne", targets: ["heterodyne-cli"]),
        .executable(name: "SentenceEmbedding", targets: ["SentenceEmbedding"]),
        .executable(name: "HeatEquation", targets: ["HeatEquation"]),
        .executable(name: "KeplerOrbit", targets: ["KeplerOrbit"]),
        .executable(name: "heterodyne-benchmarks", targets: ["heterodyne-benchmarks"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    ],
    targets: [
        // The language and the contract.
        module("HeterodyneGraph", []),
        module("HeterodyneBackend", ["HeterodyneGraph"]),
        // Small files that people write.
        module("HeterodyneJSON", []),
        // Wider and narrower scalar types from float32 and 32-bit words.
        module("HeterodyneEmulation", []),
        // Composites, passes, runtime.
        module("HeterodyneOps", ["HeterodyneGraph"]),
        module(
            "HeterodyneCompiler", ["HeterodyneGraph", "HeterodyneOps", "HeterodyneBackend", "HeterodyneEmulation"]),
        module(
            "HeterodyneRuntime",
            ["HeterodyneGraph", "HeterodyneOps", "HeterodyneBackend", "HeterodyneCompiler", logging]),
        // Kernels on host memory.
        .target(name: "CHostKernels"),
        module("HeterodyneHostKernels", ["HeterodyneGraph", "HeterodyneBackend", "CHostKernels"]),
        // Kernels for devices that take SPIR-V.
        module("HeterodyneKernelIR", ["HeterodyneGraph", "HeterodyneEmulation"]),
        // The part of the Vulkan interface that the Vulkan backend uses, as C declarations.
        .target(name: "CVulkan"),
        // Backends.
        backend("Reference", ["HeterodyneGraph", "HeterodyneBackend"]),
        backend("OpenBLAS", ["HeterodyneGraph", "HeterodyneBackend", "HeterodyneHostKernels"]),
        backend("Vulkan", ["HeterodyneGraph", "HeterodyneBackend", "HeterodyneKernelIR", "CVulkan"]),
        // Plugins: the C interface, those who load them, those who are one.
        .target(name: "CHeterodynePlugin", exclude: ["CHANGELOG-plugin.md"]),
        .target(name: "CPluginProbe", dependencies: ["CHeterodynePlugin"]),
        module(
            "HeterodynePluginHost",
            ["HeterodyneGraph", "HeterodyneBackend", "HeterodyneJSON", "CHeterodynePlugin", "CPluginProbe"]),
        module("HeterodynePluginKit", ["HeterodyneGraph", "HeterodyneBackend", "CHeterodynePlugin"]),
        plugin("Reference"),
        plugin("OpenBLAS"),
        plugin("Vulkan"),
        plugin("Simulated"),
        // Chips as data, and what work takes on them.
        .target(
            name: "HeterodyneRoofline", dependencies: ["HeterodyneGraph", "HeterodyneBackend", "HeterodyneJSON"],
            resources: [.embedInCode("Profiles")], swiftSettings: settings),
        backend(
            "Simulated",
            ["HeterodyneGraph", "HeterodyneBackend", "HeterodyneHostKernels", "HeterodyneRoofline"]),
        // Files, the user's API, conformance.
        module("HeterodyneWeights", ["HeterodyneGraph", "HeterodyneJSON"]),
        .target(
            name: "HeterodyneONNX", dependencies: ["HeterodyneGraph", "HeterodyneOps", protobuf], exclude: ["Schema"],
            swiftSettings: settings),
        // Imported models on devices.
        module(
            "HeterodyneModels",
            ["HeterodyneGraph", "HeterodyneBackend", "HeterodyneCompiler", "HeterodyneRuntime", "HeterodyneONNX"]),
        module(
            "HeterodyneConformance",
            [
                "HeterodyneGraph", "HeterodyneOps", "HeterodyneBackend", "HeterodyneCompiler", "HeterodyneRuntime",
                "HeterodyneONNX", "HeterodyneModels", "HeterodyneEmulation",
            ]),
        module(
            "Heterodyne",
            [
                "HeterodyneGraph", "HeterodyneOps", "HeterodyneBackend", "HeterodyneCompiler", "HeterodyneRuntime",
                "HeterodyneWeights", "HeterodyneONNX", "HeterodyneModels", "HeterodyneReference", "HeterodyneOpenBLAS",
                "HeterodyneVulkan", "HeterodynePluginHost",
            ]),
        // Commands and samples.
        module("CommandOutput", []),
        command("devquery", ["Heterodyne", "HeterodyneConformance", "CommandOutput", argumentParser]),
        .executableTarget(
            name: "heterodyne-cli",
            dependencies: [
                "Heterodyne", "HeterodyneConformance", "HeterodyneONNX", "HeterodyneModels", "HeterodyneRoofline",
                "CommandOutput", argumentParser,
            ],
            path: "Sources/heterodyne", swiftSettings: settings),
        .target(
            name: "SentenceEmbeddingModel", dependencies: ["Heterodyne"], path: "Samples/SentenceEmbedding/Model",
            swiftSettings: settings),
        .executableTarget(
            name: "SentenceEmbedding", dependencies: ["SentenceEmbeddingModel", argumentParser],
            path: "Samples/SentenceEmbedding/Command", swiftSettings: settings),
        .target(name: "SamplePlots", path: "Samples/Plots", swiftSettings: settings),
        .target(
            name: "SamplePolicies", dependencies: ["Heterodyne"], path: "Samples/Policies", swiftSettings: settings),
        .target(
            name: "HeatEquationModel", dependencies: ["Heterodyne", "SamplePolicies"],
            path: "Samples/HeatEquation/Model", swiftSettings: settings),
        .executableTarget(
            name: "HeatEquation", dependencies: ["HeatEquationModel", "SamplePlots", argumentParser],
            path: "Samples/HeatEquation/Command", swiftSettings: settings),
        .target(
            name: "KeplerOrbitModel", dependencies: ["Heterodyne", "SamplePolicies"],
            path: "Samples/KeplerOrbit/Model", swiftSettings: settings),
        .executableTarget(
            name: "KeplerOrbit", dependencies: ["KeplerOrbitModel", "SamplePlots", argumentParser],
            path: "Samples/KeplerOrbit/Command", swiftSettings: settings),
        .executableTarget(
            name: "heterodyne-benchmarks",
            dependencies: [
                "Heterodyne", "HeterodyneVulkan", "HeterodyneRoofline", "SentenceEmbeddingModel", "AllocationCounter",
                argumentParser,
            ],
            path: "Benchmarks/Heterodyne", swiftSettings: settings),
        .target(name: "AllocationCounter", path: "Benchmarks/AllocationCounter"),
        // Tests.
        tests("HeterodyneEmulationTests", ["HeterodyneEmulation"]),
        tests("HeterodyneGraphTests", ["HeterodyneGraph", "HeterodyneOps"]),
        tests("HeterodyneBackendTests", ["HeterodyneGraph", "HeterodyneBackend"]),
        tests("HeterodyneJSONTests", ["HeterodyneJSON"]),
        tests(
            "HeterodynePluginHostTests",
            [
                "HeterodyneGraph", "HeterodyneOps", "HeterodyneBackend", "HeterodyneCompiler", "HeterodyneRuntime",
                "HeterodynePluginHost", "HeterodyneReference", "CHeterodynePlugin", "CPluginProbe",
            ],
            resources: [.copy("Fixtures")]),
        tests(
            "HeterodynePluginKitTests",
            [
                "HeterodyneGraph", "HeterodyneOps", "HeterodyneBackend", "HeterodyneCompiler", "HeterodyneRuntime",
                "HeterodyneConformance", "HeterodynePluginHost", "HeterodynePluginKit", "HeterodyneReference",
                "HeterodyneOpenBLAS", "CHeterodynePlugin",
            ]),
        tests(
            "PluginFaultTests",
            [
                "HeterodyneGraph", "HeterodyneOps", "HeterodyneBackend", "HeterodyneCompiler", "HeterodyneRuntime",
                "HeterodyneConformance", "HeterodynePluginHost", "HeterodyneReference", "CHeterodynePlugin",
            ],
            resources: [.copy("Fixtures")]),
        tests(
            "VendorPluginTests", ["Heterodyne", "HeterodyneConformance", "SentenceEmbeddingModel"],
            resources: [.copy("Fixtures")]),
        tests(
            "HeterodyneRooflineTests",
            [
                "HeterodyneGraph", "HeterodyneOps", "HeterodyneBackend", "HeterodyneCompiler", "HeterodyneRuntime",
                "HeterodyneRoofline", "HeterodyneOpenBLAS", "HeterodyneReference",
            ]),
        tests(
            "HeterodyneSimulatedTests",
            [
                "Heterodyne", "HeterodyneGraph", "HeterodyneBackend", "HeterodyneCompiler", "HeterodyneRuntime",
                "HeterodyneSimulated", "HeterodyneRoofline", "HeterodynePluginHost", "HeterodyneConformance",
                "HeterodyneReference", "SentenceEmbeddingModel", "HeatEquationModel",
            ]),
        tests(
            "HeterodyneOpsTests",
            ["HeterodyneGraph", "HeterodyneOps", "HeterodyneBackend", "HeterodyneReference", "HeterodyneWeights"],
            resources: [.copy("Fixtures")]),
        tests(
            "HeterodyneCompilerTests",
            [
                "HeterodyneGraph", "HeterodyneOps", "HeterodyneBackend", "HeterodyneCompiler", "HeterodyneEmulation",
                "HeterodyneReference",
            ]),
        tests("HeterodyneRuntimeTests", ["Heterodyne", "HeterodyneRuntime"]),
        tests("HeterodyneHostKernelsTests", ["HeterodyneHostKernels", "CHostKernels"]),
        tests(
            "HeterodyneKernelIRTests", ["HeterodyneGraph", "HeterodyneKernelIR", "HeterodyneEmulation"]),
        tests("HeterodyneReferenceTests", ["HeterodyneGraph", "HeterodyneBackend", "HeterodyneReference"]),
        tests(
            "HeterodyneOpenBLASTests",
            ["HeterodyneGraph", "HeterodyneBackend", "HeterodyneOpenBLAS", "HeterodyneReference", "HeterodyneOps"]),
        tests(
            "HeterodyneVulkanTests",
            [
                "HeterodyneGraph", "HeterodyneBackend", "HeterodyneKernelIR", "HeterodyneVulkan", "HeterodyneReference",
                "HeterodyneOps", "HeterodyneCompiler", "HeterodyneRuntime", "HeterodyneConformance",
                "HeterodyneEmulation",
            ]),
        tests("HeterodyneWeightsTests", ["HeterodyneGraph", "HeterodyneWeights"], resources: [.copy("Fixtures")]),
        tests(
            "HeterodyneONNXTests",
            ["HeterodyneGraph", "HeterodyneOps", "HeterodyneBackend", "HeterodyneReference", "HeterodyneONNX"],
            resources: [.copy("Fixtures")]),
        tests(
            "HeterodyneModelsTests",
            ["Heterodyne", "HeterodyneModels", "HeterodyneONNX", "HeterodyneReference"],
            resources: [.copy("Fixtures")]),
        tests("HeterodyneTests", ["Heterodyne"]),
        tests(
            "ConformanceTests", ["Heterodyne", "HeterodyneConformance", "HeterodyneONNX", "HeterodyneModels"],
            resources: [.copy("Fixtures")]),
        tests("CommandTests", ["Heterodyne"]),
        tests("SentenceEmbeddingTests", ["SentenceEmbeddingModel", "Heterodyne"], resources: [.copy("Fixtures")]),
        tests("SamplePlotsTests", ["SamplePlots"]),
        tests("HeatEquationTests", ["HeatEquationModel", "SamplePolicies", "Heterodyne"]),
        tests("KeplerOrbitTests", ["KeplerOrbitModel", "SamplePolicies", "Heterodyne"]),
        tests("ArchitectureTests", []),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c11
)
