// Heterodyne: all operators that are imported.
// SPDX-License-Identifier: Apache-2.0

extension OperatorTable {
    /// Every operator that is imported, one list per family.
    static let standard = OperatorTable([
        elementwise, activations, shapes, indexing, reductions, products, convolutions, pooling, normalizations,
        conversions, quantization, attention, recurrent, control, sequences, resampling, signal, losses, random,
        dynamicShapes, text, training, machineLearning,
    ])
}
