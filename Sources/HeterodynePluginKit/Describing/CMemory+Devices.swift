// Heterodyne: devices and their capabilities as the plugin interface has them.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph

extension CMemory {
    /// `descriptor` as the interface has it.
    func deviceInfo(_ descriptor: DeviceDescriptor, id: String) -> heterodyne_device_info {
        var info = heterodyne_device_info()
        info.struct_size = MemoryLayout<heterodyne_device_info>.size
        info.id = text(id)
        // The interface wants a name and a fingerprint; a backend may leave both out.
        info.name = text(descriptor.name.isEmpty ? descriptor.id : descriptor.name)
        info.vendor = text(descriptor.vendor)
        info.kind = Self.kind(descriptor.kind).rawValue
        if descriptor.isSoftware { info.flags |= UInt32(HETERODYNE_SOFTWARE) }
        if descriptor.isSimulated { info.flags |= UInt32(HETERODYNE_SIMULATED) }
        info.threads = UInt64(max(1, descriptor.threads))
        info.memory_byte_count = UInt64(clamping: descriptor.memoryByteCount)
        info.free_memory_byte_count = descriptor.freeMemoryByteCount.map { UInt64(clamping: $0) } ?? .max
        info.version_count = UInt64(descriptor.versions.count)
        info.versions = named(descriptor.versions)
        info.detail_count = UInt64(descriptor.details.count)
        info.details = named(descriptor.details)
        let fingerprint = descriptor.fingerprint
        info.fingerprint = text(fingerprint.isEmpty ? "\(descriptor.id)|\(descriptor.name)" : fingerprint)
        return info
    }

    /// A device that cannot be used, as the interface has it.
    func deviceInfo(_ device: UnavailableDevice, id: String) -> heterodyne_device_info {
        var info = heterodyne_device_info()
        info.struct_size = MemoryLayout<heterodyne_device_info>.size
        info.id = text(id)
        info.name = text(device.id)
        info.kind = HETERODYNE_OTHER.rawValue
        info.threads = 1
        info.free_memory_byte_count = .max
        info.unavailable_reason = text(device.reason.isEmpty ? "the backend gives no reason" : device.reason)
        info.remedy = text(device.remedy)
        return info
    }

    /// `capabilities` as the interface has them.
    func capabilities(_ capabilities: Capabilities) -> heterodyne_capabilities {
        var result = heterodyne_capabilities()
        result.struct_size = MemoryLayout<heterodyne_capabilities>.size
        var usages = [UInt32](repeating: 0, count: ScalarType.allCases.count)
        for (type, usage) in capabilities.scalarTypes { usages[Int(type.rawValue)] = UInt32(usage.rawValue) }
        result.usage_count = UInt64(usages.count)
        result.usages = array(usages)
        result.exception_count = UInt64(capabilities.exceptions.count)
        result.exceptions = exceptions(capabilities.exceptions)
        let emulations = capabilities.emulations.sorted { $0.key.rawValue < $1.key.rawValue }
        result.emulation_count = UInt64(emulations.count)
        result.emulations = pointers(emulations.map { emulation($0.value, of: $0.key) })
        result.claim_count = UInt64(capabilities.claims.count)
        result.claims = texts(capabilities.claims.sorted())
        result.is_inference_only = capabilities.roles.contains(.training) ? 0 : 1
        result.has_unified_memory = capabilities.hasUnifiedMemory ? 1 : 0
        result.maximum_buffer_byte_count = UInt64(clamping: capabilities.maximumBufferByteCount)
        write(capabilities.fusion, to: &result)
        result.rate_count = UInt64(capabilities.rates.count)
        result.rates = pointers(capabilities.rates.map(rate))
        write(capabilities.numerics, to: &result)
        return result
    }

    private func named(_ texts: [String: String]) -> UnsafePointer<heterodyne_named>? {
        array(
            texts.sorted { $0.key < $1.key }.map { heterodyne_named(name: text($0.key), value: text($0.value)) })
    }

    private func exceptions(
        _ exceptions: [SupportException]
    ) -> UnsafePointer<UnsafePointer<heterodyne_exception>?>? {
        pointers(
            exceptions.map { exception in
                var result = heterodyne_exception()
                result.struct_size = MemoryLayout<heterodyne_exception>.size
                result.operation = UInt32(exception.primitive.rawValue)
                result.scalar_type = UInt32(exception.scalarType.rawValue)
                result.reason = text(exception.reason)
                return result
            })
    }

    private func emulation(_ emulation: Emulation, of type: ScalarType) -> heterodyne_emulation {
        var result = heterodyne_emulation()
        result.struct_size = MemoryLayout<heterodyne_emulation>.size
        result.scalar_type = UInt32(type.rawValue)
        result.usages = UInt32(emulation.usages.rawValue)
        result.method = text(emulation.method)
        result.precision = UInt32(clamping: emulation.precision ?? 0)
        result.cost_factor = emulation.costFactor
        result.exception_count = UInt64(emulation.exceptions.count)
        result.exceptions = exceptions(emulation.exceptions)
        return result
    }

    private func rate(_ rate: Rate) -> heterodyne_rate {
        var result = heterodyne_rate()
        result.struct_size = MemoryLayout<heterodyne_rate>.size
        result.what = text(rate.what)
        result.per_second = rate.perSecond
        result.source = text(rate.source)
        return result
    }

    private func write(_ fusion: FusionCapabilities, to result: inout heterodyne_capabilities) {
        result.fuses_elementwise = fusion.elementwiseRegions ? 1 : 0
        result.fuses_dot_epilogues = fusion.dotEpilogues ? 1 : 0
        result.maximum_region_operands = UInt64(clamping: fusion.maximumOperands)
        result.maximum_region_nodes = UInt64(clamping: fusion.maximumNodes)
        result.region_types = fusion.scalarTypes.reduce(0) { $0 | 1 << UInt64($1.rawValue) }
        result.region_composite_count = UInt64(fusion.composites.count)
        result.region_composites = texts(fusion.composites.sorted())
    }

    private func write(_ numerics: Numerics, to result: inout heterodyne_capabilities) {
        result.flushes_denormals = numerics.denormals == .flushed ? 1 : 0
        result.loses_nan = numerics.propagatesNaN ? 0 : 1
        result.contracts = numerics.contracts ? 1 : 0
        result.is_inexact = numerics.roundsToNearestEven ? 0 : 1
        var limits = [Double](repeating: 0, count: PrimitiveCode.allCases.count)
        for (code, limit) in numerics.maximumULP { limits[Int(code.rawValue)] = limit }
        result.ulp_count = UInt64(limits.count)
        result.maximum_ulp = array(limits)
        let composites = numerics.maximumCompositeULP.sorted { $0.key < $1.key }
        result.composite_error_count = UInt64(composites.count)
        result.composite_errors = pointers(
            composites.map { name, limit in
                var result = heterodyne_composite_error()
                result.struct_size = MemoryLayout<heterodyne_composite_error>.size
                result.composite = text(name)
                result.maximum_ulp = limit
                return result
            })
    }

    private static func kind(_ kind: DeviceDescriptor.Kind) -> heterodyne_device_kind {
        switch kind {
        case .cpu: HETERODYNE_CPU
        case .discreteGPU: HETERODYNE_DISCRETE_GPU
        case .integratedGPU: HETERODYNE_INTEGRATED_GPU
        case .accelerator: HETERODYNE_ACCELERATOR
        case .other: HETERODYNE_OTHER
        }
    }
}
