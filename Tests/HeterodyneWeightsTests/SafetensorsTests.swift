// Heterodyne: tests of reading and writing safetensors.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import Testing

@testable import HeterodyneWeights

@Suite struct SafetensorsTests {
    private static let oddName = "odd \"name\"\n\\é😀"
    private static let types: [(String, ScalarType)] = [
        ("bool", .bool), ("int8", .int8), ("int16", .int16), ("int32", .int32), ("int64", .int64), ("uint8", .uint8),
        ("uint16", .uint16), ("uint32", .uint32), ("uint64", .uint64), ("float16", .float16), ("float32", .float32),
        ("float64", .float64), ("bfloat16", .bfloat16), ("float8_e4m3fn", .float8e4m3fn), ("float8_e5m2", .float8e5m2),
    ]

    @Test(arguments: types) func readsEveryType(_ name: String, _ type: ScalarType) throws {
        let file = try SafetensorsFile(path: fixture("types.safetensors"))
        let tensor = try file.tensor(named: "t." + name)
        try expectFixture(tensor, type, [3, 5])
        #expect(try file.tensorType(named: "t." + name) == tensor.type)
        // The fixture's data is aligned, so nothing was copied.
        #expect(range(of: file.file).contains(try address(tensor)))
    }

    @Test func readsNamesMetadataScalarsAndEmptyTensors() throws {
        let file = try SafetensorsFile(path: fixture("types.safetensors"))
        #expect(file.metadata == ["format": "np\t\"x\" é"])
        #expect(file.names.count == 18)
        #expect(file.names.first == "t.uint64")
        try expectFixture(try file.tensor(named: Self.oddName), .int32, [2])
        try expectFixture(try file.tensor(named: "scalar"), .float64, [])
        try expectFixture(try file.tensor(named: "empty"), .float32, [0, 4])
        #expect(file.contains("scalar") && !file.contains("Scalar"))
    }

    @Test func copiesUnalignedData() throws {
        let file = try SafetensorsFile(path: fixture("unaligned.safetensors"))
        #expect(try file.byteRange(named: "a").lowerBound % 4 == 1)
        let tensor = try file.tensor(named: "a")
        try expectFixture(tensor, .float32, [3])
        #expect(try address(tensor) % 4 == 0)
        #expect(!range(of: file.file).contains(try address(tensor)))
    }

    @Test func literalsKeepTheMappingAlive() throws {
        weak var mapping: MappedFile?
        var tensor: Literal?
        do {
            let file = try SafetensorsFile(path: fixture("types.safetensors"))
            mapping = file.file
            tensor = try file.tensor(named: "t.float32")
        }
        #expect(mapping != nil)
        if let tensor { try expectFixture(tensor, .float32, [3, 5]) }
        tensor = nil
        #expect(mapping == nil)
    }

    @Test func namesMissingTensorsWithSimilarOnes() throws {
        let file = try SafetensorsFile(path: fixture("types.safetensors"))
        let error = #expect(throws: WeightsError.self) { try file.tensor(named: "float32") }
        #expect(error?.kind == .missingTensor)
        #expect(error?.tensor == "float32")
        #expect(error?.message.contains("'t.float32'") == true)
    }

    @Test func opensFilesWithTypesItLacks() throws {
        let file = try SafetensorsFile(path: fixture("complex.safetensors"))
        try expectFixture(try file.tensor(named: "f"), .float32, [4])
        #expect(kind { () throws(WeightsError) in _ = try file.tensor(named: "c") } == .unsupportedType)
    }

    @Test func checksTruthValues() throws {
        var bytes = safetensors(#"{"b":{"dtype":"BOOL","shape":[11],"data_offsets":[0,11]}}"#, data: 11)
        #expect(throws: Never.self) { try SafetensorsFile(MappedFile(copying: bytes, label: "b")).tensor(named: "b") }
        bytes[bytes.count - 1] = 2
        let file = try SafetensorsFile(MappedFile(copying: bytes, label: "b"))
        #expect(kind { () throws(WeightsError) in _ = try file.tensor(named: "b") } == .corruptData)
    }

    @Test func writesTheBytesThatTheReferenceImplementationWrites() throws {
        let folder = try TemporaryDirectory()
        let source = try SafetensorsFile(path: fixture("types.safetensors"))
        // In another order than the file's: the layout is canonical.
        let tensors = try source.names.reversed().map { (name: $0, tensor: try source.tensor(named: $0)) }
        let path = try folder.file("copy.safetensors")
        try SafetensorsFile.write(tensors, metadata: source.metadata, to: path)
        #expect(try contents(path) == contents(source.file.path))
        #expect(try folder.entries == ["copy.safetensors"])
    }

    @Test func writesSplatsLargerThanAPiece() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.file("splat.safetensors")
        let splat = Literal(Float(1.5), shape: [3, 40_000])
        try SafetensorsFile.write([("s", splat), ("b", Literal(true, shape: [5]))], to: path)
        let file = try SafetensorsFile(path: path)
        #expect(try file.tensor(named: "s").scalars(as: Float.self) == [Float](repeating: 1.5, count: 120_000))
        #expect(try file.tensor(named: "b").scalars(as: Bool.self) == [Bool](repeating: true, count: 5))
    }

    @Test func replacesAFileThatIsMapped() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.file("model.safetensors")
        try SafetensorsFile.write([("a", Literal([Float(1), 2, 3]))], to: path)
        let old = try SafetensorsFile(path: path).tensor(named: "a")
        try SafetensorsFile.write([("a", old), ("b", Literal([Int32(7)]))], to: path)
        #expect(try old.scalars(as: Float.self) == [1, 2, 3])
        let new = try SafetensorsFile(path: path)
        #expect(Set(new.names) == ["a", "b"])
        #expect(try new.tensor(named: "a") == old)
    }

    @Test func refusesWhatItCannotWrite() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.file("x.safetensors")
        let one = Literal([Float(1)])
        func writing(_ tensors: [(name: String, tensor: Literal)], _ path: String) -> WeightsError.Kind? {
            kind { () throws(WeightsError) in try SafetensorsFile.write(tensors, to: path) }
        }
        #expect(writing([("a", one), ("a", one)], path) == .duplicateName)
        #expect(writing([("__metadata__", one)], path) == .invalidArgument)
        #expect(writing([("a", Literal(splatBits: 1, type: TensorType(.int4, [3])))], path) == .unsupportedType)
        let symbolic = Literal(Float(1), shape: Shape([.symbol("n")]))
        #expect(writing([("a", symbolic)], path) == .invalidArgument)
        #expect(writing([("a", one)], folder.path) == .notRegularFile)
        #expect(writing([("a", one)], folder.path + "/absent/x.safetensors") == .fileNotFound)
        #expect(writing([("a", one)], "a\0b") == .invalidArgument)
        #expect(try folder.entries.isEmpty, "nothing is left behind")
    }

    @Test func readsShards() throws {
        for path in ["sharded", "sharded/model.safetensors.index.json"] {
            let checkpoint = try ShardedSafetensors(path: fixture(path))
            #expect(checkpoint.names == ["a", "b", "c"])
            #expect(checkpoint.claimedByteCount == 27)
            #expect(checkpoint.shards.count == 2)
            try expectFixture(try checkpoint.tensor(named: "a"), .float32, [4])
            try expectFixture(try checkpoint.tensor(named: "b"), .int8, [3])
            try expectFixture(try checkpoint.tensor(named: "c"), .float16, [2, 2])
            #expect(kind { () throws(WeightsError) in _ = try checkpoint.tensor(named: "d") } == .missingTensor)
        }
        let single = try ShardedSafetensors(path: fixture("types.safetensors"))
        #expect(single.names.count == 18)
    }

    @Test func writesShards() throws {
        let folder = try TemporaryDirectory()
        let tensors = try (0..<5).map { (name: "layer.\($0)", tensor: try fixtureLiteral(.float32, [$0 + 1, 4])) }
        try ShardedSafetensors.write(tensors, metadata: ["format": "pt"], to: folder.path, maximumShardByteCount: 100)
        let checkpoint = try ShardedSafetensors(path: folder.path)
        // 16 + 32 + 48 bytes, 64, 80.
        #expect(checkpoint.shards.map { $0.names.count } == [3, 1, 1])
        #expect(checkpoint.claimedByteCount == 240)
        #expect(checkpoint.shards[0].metadata == ["format": "pt"])
        for (name, tensor) in tensors { #expect(try checkpoint.tensor(named: name) == tensor) }
    }

    @Test func opensByContents() throws {
        #expect(try WeightFile.open(fixture("types.safetensors")).names.count == 18)
        #expect(try WeightFile.open(fixture("sharded")).names == ["a", "b", "c"])
        #expect(try WeightFile.open(fixture("sharded/model.safetensors.index.json")).names == ["a", "b", "c"])
        #expect(try WeightFile.open(fixture("stored.npz")).names.count == 8)
        #expect(kind { () throws(WeightsError) in _ = try WeightFile.open(fixture("float32.npy")) } == .wrongFormat)
    }
}
