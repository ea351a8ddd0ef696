// Heterodyne: telling file formats apart, so that the wrong file gets the right advice.
// SPDX-License-Identifier: Apache-2.0

/// A file format, recognised by its first bytes.
enum FileFormat: Hashable {
    case npy
    case zip
    case torchZip
    case pickle
    case json
    case gguf
    case hdf5
    case gitLFSPointer
    case markup
    case gzip
    case unknown

    /// The format that `bytes` begin like. `unknown` for safetensors, which have no magic number.
    static func identify(_ bytes: UnsafeRawBufferPointer) -> FileFormat {
        if bytes.begins(with: [0x93] + Array("NUMPY".utf8)) { return .npy }
        if bytes.begins(with: [0x50, 0x4B, 3, 4]) || bytes.begins(with: [0x50, 0x4B, 5, 6]) {
            return firstMemberName(bytes).contains("data.pkl") ? .torchZip : .zip
        }
        // Protocol 2 to 5: the PROTO opcode and the version, then never the zero that a small length would have there.
        if let version = bytes.littleEndian(at: 1, as: UInt8.self), bytes[0] == 0x80, (2...5).contains(version),
            bytes.littleEndian(at: 2, as: UInt8.self) != 0
        {
            return .pickle
        }
        if bytes.begins(with: Array("GGUF".utf8)) { return .gguf }
        if bytes.begins(with: Array("\u{89}HDF".unicodeScalars.map { UInt8($0.value) })) { return .hdf5 }
        if bytes.begins(with: Array("version https://git-lfs".utf8)) { return .gitLFSPointer }
        if bytes.begins(with: [0x1F, 0x8B]) { return .gzip }
        switch bytes.prefix(64).first(where: { $0 > 0x20 }) {
        case UInt8(ascii: "{"):
            // A safetensors header length can begin with that byte too, but its last bytes are zero.
            return bytes.littleEndian(at: 7, as: UInt8.self) == 0 ? .unknown : .json
        case UInt8(ascii: "<"): return bytes.littleEndian(at: 7, as: UInt8.self) == 0 ? .unknown : .markup
        default: return .unknown
        }
    }

    /// Why the file at `path`, which begins with `bytes`, is not the `expected` format, if that can be told.
    static func refusal(_ bytes: UnsafeRawBufferPointer, path: String, expected: String) -> WeightsError? {
        let what: String
        switch identify(bytes) {
        case .pickle, .torchZip: return pickle(path: path)
        case .npy: what = "is a npy file; read it with NpyFile.read(path:)"
        case .zip: what = "is a zip archive; if it is an npz archive, read it with NpzFile(path:)"
        case .json: what = "is JSON text; a sharded index is read with ShardedSafetensors(path:)"
        case .gguf: what = "is a GGUF file, which is not supported; use the safetensors release of the model"
        case .hdf5: what = "is an HDF5 file, which is not supported; convert it to safetensors or npz"
        case .gitLFSPointer:
            what = "is a Git LFS pointer, not the weights; run 'git lfs pull' in the repository it came from"
        case .markup: what = "is a web page, probably of a download that failed; download the file again"
        case .gzip: what = "is compressed with gzip; decompress it first"
        case .unknown:
            let pickled = [".pt", ".pth", ".bin", ".pkl", ".pickle", ".ckpt", ".joblib"]
            guard pickled.contains(where: { path.lowercased().hasSuffix($0) }) else { return nil }
            return pickle(path: path)
        }
        return WeightsError(.wrongFormat, "\(what) (expected \(expected))", path: path)
    }

    /// The refusal of pickled data, with the way out.
    static func pickle(path: String, tensor: String? = nil) -> WeightsError {
        WeightsError(
            .pickle,
            """
            holds Python pickle data, which runs code while it is loaded and is never read here. Use the safetensors \
            release of the model, or convert it once, in Python, if you trust the file: \
            'from safetensors.torch import save_file; import torch; \
            save_file(torch.load(PATH, weights_only=True), "model.safetensors")' (for NumPy object arrays: \
            convert to a numeric type with 'a.astype("float32")' and save again)
            """, path: path, tensor: tensor)
    }

    private static func firstMemberName(_ bytes: UnsafeRawBufferPointer) -> String {
        guard let length = bytes.littleEndian(at: 26, as: UInt16.self), let name = bytes.slice(30, Int(length)) else {
            return ""
        }
        return String(decoding: name, as: UTF8.self)
    }
}
