// Heterodyne: results of the self-test, kept on disk.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneKernelIR

extension SelfTest {
    /// Changes when the self-test measures something else.
    private static let version = 2

    /// Where the results for a device and its features are kept.
    static func file(_ physical: PhysicalDevice, _ target: KernelTarget, folder: String?) -> CacheFile? {
        guard let folder else { return nil }
        // How kernels are emitted may change what they compute. Sets print in no fixed order.
        let controls = target.spirv.floatControls
        let widths = [controls.roundToNearestEven, controls.preserveDenormals, controls.preserveSpecials].map {
            $0.sorted().map(String.init).joined(separator: ",")
        }
        let parts =
            ["self-test \(version)", physical.fingerprint, String(target.features.rawValue)]
            + ["\(target.spirv.version)"] + widths
        let identity = Checksum.of(parts.joined(separator: "|"))
        return CacheFile(folder: folder, name: hexadecimal(identity) + ".selftest", identity: identity)
    }

    /// The results in a file.
    static func read(_ file: CacheFile?) -> KernelTarget.Arithmetic? {
        guard let bytes = file?.read(), bytes.count == 9, bytes.allSatisfy({ $0 <= 1 }) else { return nil }
        let flags = bytes.map { $0 == 1 }
        return KernelTarget.Arithmetic(
            dividesExactly: flags[0], rootsExactly: flags[1], dividesExactly64: flags[2], rootsExactly64: flags[3],
            fuses: flags[4], narrowsToHalfExactly: flags[5], keepsDenormals: flags[6], keepsSpecials: flags[7],
            keepsErrorTerms: flags[8])
    }

    /// Keeps results.
    static func write(_ arithmetic: KernelTarget.Arithmetic, _ file: CacheFile?) {
        let flags = [
            arithmetic.dividesExactly, arithmetic.rootsExactly, arithmetic.dividesExactly64,
            arithmetic.rootsExactly64, arithmetic.fuses, arithmetic.narrowsToHalfExactly, arithmetic.keepsDenormals,
            arithmetic.keepsSpecials, arithmetic.keepsErrorTerms,
        ]
        file?.write(flags.map { $0 ? 1 : 0 })
    }
}

extension KernelTarget {
    /// Takes over the results of the self-test. Where multiply-add is no single operation, the two roundings are
    /// spelled out, so that they do not depend on the driver's mood.
    mutating func measured(_ arithmetic: Arithmetic) {
        self.arithmetic = arithmetic
        spirv.multiplyAdd = arithmetic.fuses ? .fused : .uncontracted
    }
}
