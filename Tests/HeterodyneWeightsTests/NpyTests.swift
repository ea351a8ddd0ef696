// Heterodyne: tests of reading and writing npy and npz.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import Testing

@testable import HeterodyneWeights

@Suite struct NpyTests {
    static let types: [ScalarType] = [
        .bool, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .float16, .float32, .float64,
    ]

    @Test(arguments: types) func readsAndWritesWhatNumPyWrites(_ type: ScalarType) throws {
        let file = try MappedFile(path: fixture("\(type).npy"))
        let array = try NpyFile.read(file)
        try expectFixture(array, type, [3, 5])
        #expect(range(of: file).contains(try address(array)), "read in place")
        let folder = try TemporaryDirectory()
        let path = try folder.file("copy.npy")
        try NpyFile.write(array, to: path)
        #expect(try contents(path) == contents(file.path))
    }

    @Test(arguments: [.int16, .uint32, .float16, .float32, .float64] as [ScalarType])
    func swapsBigEndian(_ type: ScalarType) throws {
        try expectFixture(try NpyFile.read(path: fixture("big-\(type).npy")), type, [3, 5])
    }

    @Test func transposesFortranOrder() throws {
        try expectFixture(try NpyFile.read(path: fixture("fortran.npy")), .float32, [2, 3, 4])
        try expectFixture(try NpyFile.read(path: fixture("fortran-big.npy")), .int32, [4, 3])
    }

    @Test func readsOddShapesAndVersions() throws {
        try expectFixture(try NpyFile.read(path: fixture("scalar.npy")), .float64, [])
        try expectFixture(try NpyFile.read(path: fixture("vector.npy")), .float32, [7])
        try expectFixture(try NpyFile.read(path: fixture("empty.npy")), .float32, [2, 0, 3])
        try expectFixture(try NpyFile.read(path: fixture("version2.npy")), .float32, [3, 5])
        try expectFixture(try NpyFile.read(path: fixture("version3.npy")), .float32, [3, 5])
    }

    @Test(arguments: ["scalar", "vector", "empty"]) func writesOddShapesAsNumPyDoes(_ name: String) throws {
        let folder = try TemporaryDirectory()
        let path = try folder.file("copy.npy")
        try NpyFile.write(NpyFile.read(path: fixture("\(name).npy")), to: path)
        #expect(try contents(path) == contents(fixture("\(name).npy")))
    }

    @Test func readsRawTypesWhenTold() throws {
        try expectFixture(try NpyFile.read(path: fixture("raw-bfloat16.npy"), rawType: .bfloat16), .bfloat16, [3, 5])
        try expectFixture(
            try NpyFile.read(path: fixture("raw-float8_e5m2.npy"), rawType: .float8e5m2), .float8e5m2, [3, 5])
        let path = fixture("raw-bfloat16.npy")
        #expect(kind { () throws(WeightsError) in _ = try NpyFile.read(path: path) } == .unsupportedType)
        #expect(
            kind { () throws(WeightsError) in _ = try NpyFile.read(path: path, rawType: .float32) } == .unsupportedType)
        #expect(
            kind { () throws(WeightsError) in _ = try NpyFile.read(path: path, rawType: .int4) } == .invalidArgument)
    }

    @Test(arguments: [.bfloat16, .float8e4m3fn, .float8e5m2, .int4, .uint4] as [ScalarType])
    func widensWhatNumPyLacksExactly(_ type: ScalarType) throws {
        let folder = try TemporaryDirectory()
        let path = try folder.file("wide.npy")
        let source = try fixtureLiteral(type, [3, 3])
        try NpyFile.write(source, to: path)
        let copy = try NpyFile.read(path: path)
        #expect(copy.type == TensorType(NpyFile.storedType(of: type), [3, 3]))
        #expect(try numbers(copy) == numbers(source))
        try NpyFile.write(Literal(number: -2, type: TensorType(type, [4])), to: path)
        let expected = Literal(number: -2, type: .scalar(type)).splatNumber
        #expect(try numbers(NpyFile.read(path: path)) == [Double](repeating: expected ?? .nan, count: 4))
    }

    @Test(
        arguments: [
            ("object", .pickle), ("records", .unsupportedType), ("complex", .unsupportedType),
            ("text", .unsupportedType),
            ("time", .unsupportedType),
        ] as [(String, WeightsError.Kind)])
    func refusesWhatIsNoTensor(_ name: String, _ expected: WeightsError.Kind) {
        #expect(
            kind { () throws(WeightsError) in _ = try NpyFile.read(path: fixture("refused-\(name).npy")) } == expected)
    }

    private static func npy(_ header: String, version: [UInt8] = [1, 0], data: Int = 0) -> [UInt8] {
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + version
        if version[0] == 1 {
            bytes.append(littleEndian: UInt16(header.utf8.count))
        } else {
            bytes.append(littleEndian: UInt32(header.utf8.count))
        }
        return bytes + Array(header.utf8) + [UInt8](repeating: 0, count: data)
    }

    private static func header(_ descr: String = "'<f4'", _ order: String = "False", _ shape: String = "(1,)") -> String
    {
        "{'descr': \(descr), 'fortran_order': \(order), 'shape': \(shape), }"
    }

    static let files: [BadFile] = [
        BadFile("empty", .truncated, []),
        BadFile("magic only", .truncated, [0x93] + Array("NUMPY".utf8)),
        BadFile("no length", .truncated, [0x93] + Array("NUMPY\u{1}\u{0}\u{10}".utf8)),
        BadFile("header cut", .truncated, Array(npy(header()).prefix(20))),
        BadFile("version 0", .wrongFormat, npy(header(), version: [0, 0], data: 4)),
        BadFile("version 4", .wrongFormat, npy(header(), version: [4, 0], data: 4)),
        BadFile("version 1.1", .wrongFormat, npy(header(), version: [1, 1], data: 4)),
        BadFile("not npy", .wrongFormat, Array("hello, world".utf8)),
        BadFile(
            "header over the limit", .limitExceeded,
            npy(header() + String(repeating: " ", count: 70_000), version: [2, 0], data: 4)),
        BadFile("header of 4 GiB", .limitExceeded, [0x93] + Array("NUMPY\u{2}\u{0}".utf8) + [255, 255, 255, 255]),
        BadFile("invalid UTF-8", .invalidText, Array(npy("{'", version: [3, 0])).withLast(0xFF)),
        BadFile("no dictionary", .malformedHeader, npy("None")),
        BadFile("call in the header", .malformedHeader, npy("__import__('os').system('true')")),
        BadFile("unclosed", .malformedHeader, npy("{'descr': '<f4'")),
        BadFile("text after", .malformedHeader, npy(header() + "x", data: 4)),
        BadFile("missing key", .malformedHeader, npy("{'descr': '<f4', 'shape': (1,)}", data: 4)),
        BadFile("unknown key", .malformedHeader, npy("{'descr': '<f4', 'strides': (1,)}", data: 4)),
        BadFile("key twice", .duplicateName, npy("{'descr': '<f4', 'descr': '<f4'}", data: 4)),
        BadFile("order a number", .malformedHeader, npy(header("'<f4'", "0"), data: 4)),
        BadFile("shape a list", .malformedHeader, npy(header("'<f4'", "False", "[1]"), data: 4)),
        BadFile("shape a number in brackets", .malformedHeader, npy(header("'<f4'", "False", "(1)"), data: 4)),
        BadFile("shape with a product", .malformedHeader, npy(header("'<f4'", "False", "(1*1,)"), data: 4)),
        BadFile("shape open", .malformedHeader, npy("{'shape': (1,")),
        BadFile("negative extent", .invalidShape, npy(header("'<f4'", "False", "(-1,)"), data: 4)),
        BadFile("extent over 63 bits", .invalidShape, npy(header("'<f4'", "False", "(9223372036854775808,)"), data: 4)),
        BadFile(
            "product overflows", .invalidShape, npy(header("'<f4'", "False", "(4294967296, 4294967296)"), data: 4)),
        BadFile("huge extent beside zero", .invalidShape, npy(header("'<f4'", "False", "(0, 9223372036854775807)"))),
        BadFile(
            "rank 17", .invalidShape,
            npy(header("'<f4'", "False", "(" + String(repeating: "1,", count: 17) + ")"), data: 4)),
        BadFile("data cut", .truncated, npy(header(), data: 3)),
        BadFile("data left over", .invalidOffsets, npy(header(), data: 5)),
        BadFile("object", .pickle, npy(header("'|O'"), data: 8)),
        BadFile("object in a record", .unsupportedType, npy(header("[('a', '|O')]"), data: 8)),
        BadFile("unknown type", .unsupportedType, npy(header("'<x4'"), data: 4)),
        BadFile("type without size", .unsupportedType, npy(header("'<f'"), data: 4)),
        BadFile("no type", .unsupportedType, npy(header("''"), data: 4)),
        BadFile("long double", .unsupportedType, npy(header("'<f16'"), data: 16)),
        BadFile("truth value 2", .corruptData, npy(header("'|b1'"), data: 1).withLast(2)),
    ]

    @Test(arguments: files) func isRefused(_ bad: BadFile) {
        let file = MappedFile(copying: bad.bytes, label: "hostile.npy")
        #expect(kind { () throws(WeightsError) in _ = try NpyFile.read(file) } == bad.kind)
    }

    @Test func acceptsOldSpellings() throws {
        for text in [
            "{\"descr\": \"<f4\", 'shape': (1L,), 'fortran_order': False}",
            "{'fortran_order':True,'shape':(1,),'descr':'f4'}\n",
        ] {
            let file = MappedFile(copying: Self.npy(text, data: 4), label: "old.npy")
            #expect(try NpyFile.read(file).scalars(as: Float.self) == [0])
        }
    }
}

extension [UInt8] {
    /// The bytes with another last one.
    func withLast(_ byte: UInt8) -> [UInt8] { dropLast() + [byte] }
}
