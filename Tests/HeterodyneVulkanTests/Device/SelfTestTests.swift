// Heterodyne: tests of the self-test.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneKernelIR
import Testing

@testable import HeterodyneVulkan

@Suite(.enabled(if: DeviceRunner.isAvailable, "no Vulkan device: install mesa-vulkan-drivers"))
struct SelfTestTests {
    @Test("results on disk are used, damaged ones are measured anew")
    func cache() throws {
        try TestDevices.withFolder { folder in
            let options = TestDevices.options { $0.cacheDirectory = folder }
            let measured = try TestDevices.open(options).target.arithmetic
            let names = TestDevices.files(folder + "/vulkan").filter { $0.hasSuffix(".selftest") }
            try #require(names.count == 1)
            // A verdict that the device does not deserve shows that the file is read.
            let physical = try TestDevices.open(options).logical.physical
            let target = physical.target(options)
            let file = try #require(SelfTest.file(physical, target, folder: folder + "/vulkan"))
            var other = measured
            other.rootsExactly.toggle()
            SelfTest.write(other, file)
            #expect(try TestDevices.open(options).target.arithmetic == other)
            var bytes = try #require(file.read())
            bytes[0] = 7
            file.write(bytes)
            #expect(try TestDevices.open(options).target.arithmetic == measured)
        }
    }

    @Test("what the device's self-test found is what its kernels do")
    func device() throws {
        let arithmetic = try DeviceRunner.shared.target.arithmetic
        // Sums and products of every device that Vulkan admits keep specials where it promises to.
        let controls = try DeviceRunner.shared.target.spirv.floatControls
        if controls.preserveSpecials.contains(32) { #expect(arithmetic.keepsSpecials) }
        if controls.preserveDenormals.contains(32) { #expect(arithmetic.keepsDenormals) }
    }
}

struct SelfTestVerdictTests {
    private static let target: KernelTarget = {
        var target = KernelTarget.gpu
        target.features = [.float64, .float16, .storage16]
        return target
    }()

    /// Runs the jobs in the interpreter, whose arithmetic is IEEE 754's.
    private func interpret(
        _ jobs: [SelfTest.Job], _ multiplyAdd: SPIRVOptions.MultiplyAdd
    ) throws(BackendError) -> [[UInt8]] {
        do {
            return try jobs.map { job in
                let kernel = try job.recipe.build(for: Self.target)
                var buffers: [Int: [UInt8]] = [:]
                for (slot, bytes) in job.inputs.enumerated() { buffers[slot] = bytes }
                let last = job.inputs.count
                buffers[last] = [UInt8](repeating: 0, count: job.resultByteCount)
                try KernelInterpreter(multiplyAdd: multiplyAdd).run(
                    kernel, groups: [job.grid.x, job.grid.y, job.grid.z], buffers: &buffers,
                    pushConstants: [UInt64(job.count)])
                return buffers[last] ?? []
            }
        } catch { throw BackendError(.executionFailed, "\(error)") }
    }

    @Test("correct arithmetic is trusted")
    func trust() throws {
        let test = SelfTest(target: Self.target) { (jobs) throws(BackendError) in try interpret(jobs, .fused) }
        let verdict = try test.arithmetic()
        #expect(verdict.dividesExactly && verdict.rootsExactly && verdict.dividesExactly64 && verdict.rootsExactly64)
        #expect(verdict.fuses && verdict.keepsDenormals && verdict.keepsSpecials && verdict.narrowsToHalfExactly)
        #expect(verdict.keepsErrorTerms)
    }

    @Test("a lost error of a sum or a product is noticed")
    func errorTerms() throws {
        for result in 0..<EmulationSelfTest.resultCount {
            let test = SelfTest(target: Self.target) { (jobs) throws(BackendError) in
                var results = try interpret(jobs, .fused)
                let (last, count) = (results.count - 1, jobs[jobs.count - 1].count)
                results[last][(result * count + 4) * 4] ^= 1
                return results
            }
            #expect(try !test.arithmetic().keepsErrorTerms, "result \(result)")
        }
    }

    @Test("two roundings of a multiply-add are noticed, and nothing else is blamed")
    func unfused() throws {
        let test = SelfTest(target: Self.target) { (jobs) throws(BackendError) in try interpret(jobs, .uncontracted) }
        var expected = try SelfTest(target: Self.target) { (jobs) throws(BackendError) in
            try interpret(jobs, .fused)
        }.arithmetic()
        expected.fuses = false
        #expect(try test.arithmetic() == expected)
    }

    @Test("a single wrong bit is noticed", arguments: [0, 1, 2, 3, 4, 5, 6, 7])
    func wrongBit(probe: Int) throws {
        let test = SelfTest(target: Self.target) { (jobs) throws(BackendError) in
            var results = try interpret(jobs, .fused)
            // The lowest bit of one result that is an ordinary number.
            let count = jobs[0].count
            results[0][(probe * count + 5) * 4] ^= 1
            return results
        }
        let verdict = try test.arithmetic()
        let flags = [
            verdict.dividesExactly, verdict.rootsExactly, verdict.fuses, verdict.keepsSpecials, verdict.keepsSpecials,
            verdict.keepsSpecials, verdict.keepsSpecials, verdict.keepsSpecials,
        ]
        #expect(!flags[probe])
    }

    @Test("flushed subnormals are noticed")
    func flushed() throws {
        let test = SelfTest(target: Self.target) { (jobs) throws(BackendError) in
            var results = try interpret(jobs, .fused)
            results[0] = results[0].withUnsafeBytes { bytes in
                bytes.bindMemory(to: Float.self).flatMap { value in
                    withUnsafeBytes(of: value.isSubnormal ? 0 : value) { Array($0) }
                }
            }
            return results
        }
        let verdict = try test.arithmetic()
        #expect(!verdict.keepsDenormals)
        #expect(verdict.dividesExactly && verdict.rootsExactly && verdict.fuses && verdict.keepsSpecials)
    }
}
