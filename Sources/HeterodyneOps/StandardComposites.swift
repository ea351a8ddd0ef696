// Heterodyne: the registry of every composite that this library defines.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

extension CompositeRegistry {
    /// Every composite that this library defines; what readers of text and files use unless told otherwise.
    public static let standard = CompositeRegistry(NeuralComposites.all + DataComposites.all)
}
