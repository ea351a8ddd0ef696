// Heterodyne: buffers that are read as texels.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension SPIRVEmitter {
    /// The element of a buffer fetched as a texel, or nil where it has to be loaded. Texels have 32-bit coordinates, and
    /// nothing that the kernel writes.
    mutating func texel(_ buffer: Int, _ index: ValueID) -> UInt32? {
        let declaration = kernel.buffers[buffer]
        let element = declaration.element
        guard options.texels, options.memory == .descriptors, kernel.types[index.index].bits == 32,
            [.float32, .int32, .uint32].contains(element.scalar), [1, 2, 4].contains(element.width),
            kernel.buffers.allSatisfy({ $0.slot != declaration.slot || $0.access == .read }),
            let image = texelImage(buffer)
        else { return nil }
        let loaded = emit(.load, image.type, [image.variable])
        let four = typeID(element.with(width: 4))
        let texel = emit(.imageFetch, four, [loaded, values[index.index]])
        if element.width == 4 { return texel }
        let scalar = typeID(element.with(width: 1))
        var parts: [UInt32] = []
        for part in 0..<UInt32(element.width) { parts.append(emit(.compositeExtract, scalar, [texel, part])) }
        return parts.count == 1 ? parts[0] : emit(.compositeConstruct, typeID(element), parts)
    }

    /// The image of a buffer, declared when it is first used; nil beyond what every device has room for.
    private mutating func texelImage(_ buffer: Int) -> (type: UInt32, variable: UInt32)? {
        if let known = texelImages[buffer] { return known }
        guard texels.count < TexelBinding.mostPerModule else { return nil }
        let declaration = kernel.buffers[buffer]
        require(.sampledBuffer)
        // Dimension 5: a buffer; no depth, array, samples; 1: used with a sampler or fetched; 0: the view has the format.
        let component = typeID(declaration.element.with(width: 1))
        let type = self.type(.typeImage, [component, 5, 0, 0, 0, 1, 0])
        let variable = global(.uniformConstant, type, "\(declaration.name)_texels")
        let binding = TexelBinding.firstBinding + buffer
        decorate(variable, .descriptorSet, [0])
        decorate(variable, .binding, [UInt32(binding)])
        texels.append(TexelBinding(binding: binding, slot: declaration.slot, element: declaration.element))
        texelImages[buffer] = (type, variable)
        return (type, variable)
    }
}
