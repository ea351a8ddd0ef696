// Heterodyne: tests that damaged and hostile safetensors files are refused with the right error.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import Testing

@testable import HeterodyneWeights

/// A bad file and how it must be refused.
struct BadFile: Sendable, CustomTestStringConvertible {
    var what: String
    var kind: WeightsError.Kind
    var bytes: [UInt8]

    init(_ what: String, _ kind: WeightsError.Kind, _ bytes: [UInt8]) {
        self.what = what
        self.kind = kind
        self.bytes = bytes
    }

    /// A file with one well-formed header, in which every tensor is `{"dtype":…,"shape":…,"data_offsets":…}`.
    init(_ what: String, _ kind: WeightsError.Kind, _ header: String, data: Int = 0) {
        self.init(what, kind, safetensors(header, data: data))
    }

    var testDescription: String { what }
}

@Suite struct HostileSafetensorsTests {
    private static func tensor(_ dtype: String, _ shape: String, _ begin: String, _ end: String) -> String {
        "{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"data_offsets\":[\(begin),\(end)]}"
    }
    private static let one = tensor("F32", "[1]", "0", "4")
    private static func length(_ count: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: count)
        return bytes
    }
    private static let deep = String(repeating: "[", count: 100_000)

    static let files: [BadFile] = [
        BadFile("empty", .truncated, []),
        BadFile("seven bytes", .truncated, [2, 0, 0, 0, 0, 0, 0]),
        BadFile("length only", .truncated, length(2)),
        BadFile("header cut", .truncated, length(100) + Array("{\"a\"".utf8)),
        BadFile("length zero", .malformedHeader, length(0) + Array("{}".utf8)),
        BadFile("length one", .malformedHeader, length(1) + Array("{}".utf8)),
        BadFile("length over the limit", .limitExceeded, length(100_000_001) + Array("{}".utf8)),
        BadFile("length of 2^63", .limitExceeded, length(1 << 63) + Array("{}".utf8)),
        BadFile("length of 2^64-1", .limitExceeded, length(.max) + Array("{}".utf8)),
        BadFile("length at the limit, file short", .truncated, length(100_000_000) + Array("{}".utf8)),
        BadFile("no brace", .malformedHeader, "[] "),
        BadFile("white space first", .malformedHeader, " {}"),
        BadFile("text after", .malformedHeader, "{}x"),
        BadFile("second object", .malformedHeader, "{}{}"),
        BadFile("zero padding", .malformedHeader, "{}\0\0"),
        BadFile("unclosed", .malformedHeader, "{\"a\":\(one)"),
        BadFile("trailing comma", .malformedHeader, "{\"a\":\(one),}", data: 4),
        BadFile("missing colon", .malformedHeader, "{\"a\"\(one)}", data: 4),
        BadFile("key without quotes", .malformedHeader, "{a:\(one)}", data: 4),
        BadFile("tensor is a number", .malformedHeader, "{\"a\":1}"),
        BadFile("tensor is null", .malformedHeader, "{\"a\":null}"),
        BadFile("control character", .malformedHeader, "{\"a\nb\":\(one)}", data: 4),
        BadFile("unknown escape", .malformedHeader, "{\"a\\x41\":\(one)}", data: 4),
        BadFile("short escape", .malformedHeader, "{\"a\\u00\":\(one)}", data: 4),
        BadFile("string without end", .malformedHeader, "{\"a"),
        BadFile("escape at the end", .malformedHeader, "{\"a\\"),
        BadFile("high surrogate alone", .invalidText, "{\"\\ud83d\":\(one)}", data: 4),
        BadFile("low surrogate alone", .invalidText, "{\"\\ude00\":\(one)}", data: 4),
        BadFile("two high surrogates", .invalidText, "{\"\\ud83d\\ud83d\":\(one)}", data: 4),
        BadFile(
            "invalid UTF-8", .invalidText, safetensors([0x7B, 0x22, 0xFF, 0x22] + Array(":\(one)}".utf8), data: 4)),
        BadFile(
            "overlong UTF-8", .invalidText,
            safetensors([0x7B, 0x22, 0xC0, 0xAF, 0x22] + Array(":\(one)}".utf8), data: 4)),
        BadFile("deep nesting in an unknown member", .limitExceeded, "{\"a\":{\"x\":\(deep)"),
        BadFile("name twice", .duplicateName, "{\"a\":\(one),\"a\":\(tensor("F32", "[1]", "4", "8"))}", data: 8),
        BadFile("name twice, escaped", .duplicateName, "{\"a\":\(one),\"\\u0061\":\(one)}", data: 4),
        BadFile(
            "dtype twice", .duplicateName,
            "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}",
            data: 4),
        BadFile("metadata twice", .duplicateName, "{\"__metadata__\":{},\"__metadata__\":{}}"),
        BadFile("metadata key twice", .duplicateName, "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}"),
        BadFile("metadata value a number", .malformedHeader, "{\"__metadata__\":{\"a\":1}}"),
        BadFile("metadata a tensor", .malformedHeader, "{\"__metadata__\":\(one)}", data: 4),
        BadFile("no dtype", .malformedHeader, "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", data: 4),
        BadFile("no shape", .malformedHeader, "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", data: 4),
        BadFile("no offsets", .malformedHeader, "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", data: 4),
        BadFile(
            "one offset", .malformedHeader, "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4]}}", data: 4),
        BadFile(
            "three offsets", .malformedHeader, "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}",
            data: 4),
        BadFile("unknown dtype", .unsupportedType, "{\"a\":\(tensor("Q4", "[1]", "0", "4"))}", data: 4),
        BadFile("dtype in lower case", .unsupportedType, "{\"a\":\(tensor("f32", "[1]", "0", "4"))}", data: 4),
        BadFile("negative extent", .malformedHeader, "{\"a\":\(tensor("F32", "[-1]", "0", "4"))}", data: 4),
        BadFile("fractional extent", .malformedHeader, "{\"a\":\(tensor("F32", "[1.0]", "0", "4"))}", data: 4),
        BadFile("extent with exponent", .malformedHeader, "{\"a\":\(tensor("F32", "[1e0]", "0", "4"))}", data: 4),
        BadFile("extent with leading zero", .malformedHeader, "{\"a\":\(tensor("F32", "[01]", "0", "4"))}", data: 4),
        BadFile("extent as text", .malformedHeader, "{\"a\":\(tensor("F32", "[\"1\"]", "0", "4"))}", data: 4),
        BadFile("shape is a number", .malformedHeader, "{\"a\":\(tensor("F32", "1", "0", "4"))}", data: 4),
        BadFile(
            "extent over 64 bits", .invalidShape, "{\"a\":\(tensor("F32", "[99999999999999999999]", "0", "4"))}",
            data: 4),
        BadFile(
            "product overflows", .invalidShape, "{\"a\":\(tensor("F32", "[4294967296,4294967296]", "0", "4"))}", data: 4
        ),
        BadFile(
            "product overflows to the right size", .invalidShape,
            "{\"a\":\(tensor("F32", "[4611686018427387905]", "0", "4"))}", data: 4),
        BadFile(
            "huge extent beside zero", .invalidShape, "{\"a\":\(tensor("F32", "[0,9223372036854775807]", "0", "0"))}"),
        BadFile(
            "rank 17", .invalidShape, "{\"a\":\(tensor("F32", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "0", "4"))}",
            data: 4),
        BadFile("half bytes", .invalidShape, "{\"a\":\(tensor("F4", "[3]", "0", "2"))}", data: 2),
        BadFile("shape too large for its data", .invalidOffsets, "{\"a\":\(tensor("F32", "[2]", "0", "4"))}", data: 4),
        BadFile("shape too small for its data", .invalidOffsets, "{\"a\":\(tensor("F32", "[1]", "0", "8"))}", data: 8),
        BadFile("offsets reversed", .invalidOffsets, "{\"a\":\(tensor("F32", "[1]", "4", "0"))}", data: 4),
        BadFile(
            "offset of 2^63-1", .invalidOffsets,
            "{\"a\":\(tensor("F32", "[1]", "9223372036854775803", "9223372036854775807"))}",
            data: 4),
        BadFile(
            "offset over 64 bits", .invalidOffsets, "{\"a\":\(tensor("F32", "[1]", "0", "18446744073709551620"))}",
            data: 4),
        BadFile("negative offset", .malformedHeader, "{\"a\":\(tensor("F32", "[1]", "-4", "0"))}", data: 4),
        BadFile("hole at the start", .invalidOffsets, "{\"a\":\(tensor("F32", "[1]", "4", "8"))}", data: 8),
        BadFile(
            "hole between", .invalidOffsets, "{\"a\":\(one),\"b\":\(tensor("F32", "[1]", "8", "12"))}", data: 12),
        BadFile(
            "overlap", .invalidOffsets,
            "{\"a\":\(tensor("F32", "[2]", "0", "8")),\"b\":\(tensor("F32", "[2]", "4", "12"))}",
            data: 12),
        BadFile("same data twice", .invalidOffsets, "{\"a\":\(one),\"b\":\(one)}", data: 4),
        BadFile("data missing", .truncated, "{\"a\":\(one)}"),
        BadFile("data cut", .truncated, "{\"a\":\(one)}", data: 3),
        BadFile("data left over", .invalidOffsets, "{\"a\":\(one)}", data: 5),
        BadFile("data without tensors", .invalidOffsets, "{}", data: 1),
        BadFile("a pickle", .pickle, [0x80, 2] + Array("}q\u{0}.and more of it".utf8)),
        BadFile("a npy file", .wrongFormat, [0x93] + Array("NUMPY\u{1}\u{0}and more".utf8)),
        BadFile("a zip archive", .wrongFormat, [0x50, 0x4B, 3, 4] + [UInt8](repeating: 0, count: 40)),
        BadFile("GGUF", .wrongFormat, Array("GGUF\u{3}\0\0\0and more".utf8)),
        BadFile("a Git LFS pointer", .wrongFormat, Array("version https://git-lfs.example/spec/v1\noid sha256:0".utf8)),
        BadFile("a web page", .wrongFormat, Array("<!DOCTYPE html><html><body>Not found".utf8)),
        BadFile("JSON", .wrongFormat, Array("{\"weight_map\": {}}".utf8)),
    ]

    @Test(arguments: files) func isRefused(_ bad: BadFile) throws {
        let file = MappedFile(copying: bad.bytes, label: "hostile.safetensors")
        let found = kind { () throws(WeightsError) in _ = try SafetensorsFile(file) }
        #expect(found == bad.kind)
    }

    /// The smallest changes of the table's files that make them good, so that the table shows what it says.
    @Test(arguments: [
        safetensors("{}"), safetensors("{}   "), safetensors("{ \"a\" : \(one) }\n", data: 4),
        safetensors("{\"__metadata__\":null,\"a\":\(one)}", data: 4),
        safetensors(
            "{\"a\":{\"x\":[{\"y\":[1.5e-3,-0,true,null]}],\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}",
            data: 4),
        safetensors("{\"\\ud83d\\ude00\":\(one)}", data: 4),
        safetensors("{\"b\":\(tensor("F32", "[1]", "4", "8")),\"a\":\(one)}", data: 8),
        safetensors(
            "{\"a\":\(one),\"b\":\(tensor("F32", "[0,5]", "4", "4")),\"c\":\(tensor("U8", "[]", "4", "5"))}", data: 5),
        safetensors("{\"a\":\(tensor("F4", "[4]", "0", "2"))}", data: 2),
    ])
    func isAccepted(_ bytes: [UInt8]) throws {
        #expect(throws: Never.self) { try SafetensorsFile(MappedFile(copying: bytes, label: "good.safetensors")) }
    }

    static let indexes: [BadFile] = [
        BadFile("empty", .malformedHeader, []),
        BadFile("no map", .malformedHeader, Array("{\"metadata\":{}}".utf8)),
        BadFile("map is a list", .malformedHeader, Array("{\"weight_map\":[]}".utf8)),
        BadFile("two maps", .duplicateName, Array("{\"weight_map\":{},\"weight_map\":{}}".utf8)),
        BadFile("name twice", .duplicateName, Array("{\"weight_map\":{\"a\":\"x\",\"a\":\"y\"}}".utf8)),
        BadFile("parent directory", .invalidIndex, Array("{\"weight_map\":{\"a\":\"../x.safetensors\"}}".utf8)),
        BadFile("absolute path", .invalidIndex, Array("{\"weight_map\":{\"a\":\"/etc/passwd\"}}".utf8)),
        BadFile("dots", .invalidIndex, Array("{\"weight_map\":{\"a\":\"..\"}}".utf8)),
        BadFile("zero byte", .invalidIndex, Array("{\"weight_map\":{\"a\":\"x\\u0000y\"}}".utf8)),
        BadFile("empty file name", .invalidIndex, Array("{\"weight_map\":{\"a\":\"\"}}".utf8)),
        BadFile("missing shard", .invalidIndex, Array("{\"weight_map\":{\"a\":\"absent.safetensors\"}}".utf8)),
        BadFile("tensor not in its shard", .invalidIndex, Array("{\"weight_map\":{\"b\":\"good.safetensors\"}}".utf8)),
        BadFile("shard is a pickle", .pickle, Array("{\"weight_map\":{\"a\":\"pytorch_model.bin\"}}".utf8)),
        BadFile("deep", .limitExceeded, Array("{\"x\":\(deep)".utf8)),
    ]

    @Test(arguments: indexes) func indexIsRefused(_ bad: BadFile) throws {
        let folder = try TemporaryDirectory()
        _ = try folder.file("good.safetensors", safetensors("{\"a\":\(Self.one)}", data: 4))
        let path = try folder.file("x.index.json", bad.bytes)
        #expect(kind { () throws(WeightsError) in _ = try ShardedSafetensors(path: path) } == bad.kind)
    }

    @Test func directoryWithoutSafetensorsSaysWhatItFound() throws {
        let folder = try TemporaryDirectory()
        #expect(kind { () throws(WeightsError) in _ = try ShardedSafetensors(path: folder.path) } == .fileNotFound)
        _ = try folder.file("pytorch_model.bin", [1])
        #expect(kind { () throws(WeightsError) in _ = try ShardedSafetensors(path: folder.path) } == .pickle)
    }

    @Test(arguments: ["refused-torch.pt", "refused-legacy.bin"]) func picklesAreRefusedWithAdvice(_ name: String) throws
    {
        for open in [
            { _ = try SafetensorsFile(path: fixture(name)) }, { _ = try NpyFile.read(path: fixture(name)) },
            { _ = try NpzFile(path: fixture(name)) }, { _ = try WeightFile.open(fixture(name)) },
        ] as [() throws -> Void] {
            let error = #expect(throws: WeightsError.self) { try open() }
            #expect(error?.kind == .pickle)
            #expect(error?.message.contains("save_file") == true)
        }
    }

    @Test func messagesDoNotCarryControlCharacters() throws {
        let name = "\u{1B}[31m" + String(repeating: "x", count: 10_000)
        let error = WeightsError(.missingTensor, "is missing", path: "p", tensor: name)
        #expect(!error.description.unicodeScalars.contains("\u{1B}"))
        #expect(error.description.count < 200)
    }
}
