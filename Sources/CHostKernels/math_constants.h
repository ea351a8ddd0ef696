// Heterodyne: constants and polynomials of the math library; written by scripts/math_polynomials.py.
// SPDX-License-Identifier: Apache-2.0
#ifndef HK_MATH_CONSTANTS_H
#define HK_MATH_CONSTANTS_H
#include <stdint.h>
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-const-variable"
/// (expm1(r) - r) / r^2 in r, |r| <= ln2 / 2, relative to expm1; fit error 1.32e-8
static const float hk_expm1_32[5] = {
    0x1.fffffe0000000p-2f,
    0x1.5554b00000000p-3f,
    0x1.5556740000000p-5f,
    0x1.1227760000000p-7f,
    0x1.6bec0a0000000p-10f,
};
/// (expm1(r) - r) / r^2 in r, |r| <= ln2 / 2, relative to expm1; fit error 1.8e-17
static const double hk_expm1_64[10] = {
    0x1.0000000000005p-1,
    0x1.5555555555539p-3,
    0x1.55555555522b7p-5,
    0x1.1111111118fa7p-7,
    0x1.6c16c17edbb28p-10,
    0x1.a01a017515d4bp-13,
    0x1.a019a76f32283p-16,
    0x1.71de8804d945ep-19,
    0x1.28a1e00c16213p-22,
    0x1.ae6baaacaa48dp-26,
};
/// (log1p(f) - f + f^2/2) / f^3 in f, sqrt(1/2) <= 1 + f <= sqrt(2), relative to log1p; fit error 7.49e-10
static const float hk_log_32[9] = {
    0x1.5555480000000p-2f,
    -0x1.0000060000000p-2f,
    0x1.99a4b60000000p-3f,
    -0x1.555c4e0000000p-3f,
    0x1.2337680000000p-3f,
    -0x1.fc220a0000000p-4f,
    0x1.e6f06a0000000p-4f,
    -0x1.de3c080000000p-4f,
    0x1.1457980000000p-4f,
};
/// (2 atanh(s) - 2 s) / s^3 in z = s^2, relative to atanh; fit error 4.54e-18
static const double hk_log_64[7] = {
    0x1.555555555557cp-1,
    0x1.999999998478bp-2,
    0x1.2492493fb3bd2p-2,
    0x1.c71c52b977ea2p-3,
    0x1.746648cfa70d1p-3,
    0x1.399d12f5da300p-3,
    0x1.2f51c5156f062p-3,
};
/// (sin(r) - r) / r^3 in z = r^2, |r| <= pi/4, relative to sin; fit error 6.46e-9
static const float hk_sin_32[3] = {
    -0x1.5555460000000p-3f,
    0x1.1106ba0000000p-7f,
    -0x1.9906be0000000p-13f,
};
/// (cos(r) - 1 + r^2/2) / r^4 in z = r^2, |r| <= pi/4, relative to cos; fit error 1.16e-10
static const float hk_cos_32[3] = {
    0x1.55554a0000000p-5f,
    -0x1.6c0c320000000p-10f,
    0x1.99eb4a0000000p-16f,
};
/// (sin(r) - r) / r^3 in z = r^2, |r| <= pi/4, relative to sin; fit error 3.63e-18
static const double hk_sin_64[6] = {
    -0x1.5555555555548p-3,
    0x1.111111110f7cap-7,
    -0x1.a01a019bfd176p-13,
    0x1.71de356711addp-19,
    -0x1.ae5e59f50412bp-26,
    0x1.5d8fa2f422b78p-33,
};
/// (cos(r) - 1 + r^2/2) / r^4 in z = r^2, |r| <= pi/4, relative to cos; fit error 5.57e-20
static const double hk_cos_64[6] = {
    0x1.555555555554bp-5,
    -0x1.6c16c16c14f8ap-10,
    0x1.a01a019c8391ap-16,
    -0x1.27e4f7ea3810bp-22,
    0x1.1ee9d752e2d61p-29,
    -0x1.8fa4661743a1bp-37,
};
/// -log(erfc(x)) / x in x, 0 <= x <= 4, relative to erf; fit error 4.02e-9
static const float hk_erf_32[9] = {
    0x1.20dd760000000p+0f,
    0x1.45f2fa0000000p-1f,
    0x1.a4fa420000000p-4f,
    -0x1.39cc580000000p-6f,
    -0x1.5196620000000p-13f,
    0x1.b524a80000000p-10f,
    -0x1.4bef980000000p-11f,
    0x1.edbcfc0000000p-14f,
    -0x1.36dbf00000000p-17f,
};
/// exp(z^2) erfc(z) / t in t = 1 / (1 + z / 2), 0 <= z <= 10.2, relative to erfc; fit error 2.06e-8
static const float hk_erfc_32[10] = {
    0x1.20d5e20000000p-2f,
    0x1.219da00000000p-2f,
    0x1.e946920000000p-3f,
    0x1.cb48a40000000p-3f,
    -0x1.82bf040000000p-4f,
    0x1.a7a14e0000000p-2f,
    -0x1.5238220000000p-1f,
    0x1.afc0260000000p-2f,
    -0x1.ebcdd20000000p-4f,
    0x1.7edce20000000p-7f,
};
/// erf(x) / x in t = |x| - (0.75 i + 0.375), 0.75 i <= |x| < 0.75 (i + 1): [power][i]
/// fit error 4.84e-18
static const double hk_erf_64[16][8] __attribute__((aligned(64))) = {
    {0x1.13e08c7a16a26p+0, 0x1.9450bb1ec6057p-1, 0x1.0ee12190b194ap-1, 0x1.8603df090937fp-2, 0x1.2f6827c1b08c7p-2, 0x1.f07c1eda95279p-3, 0x1.a41a41a4107d2p-3, 0x1.6c16c16c16c0bp-3},
    {-0x1.09ac3c1b2b12dp-2, -0x1.ad1533f367888p-2, -0x1.0e9e17d6132b9p-2, -0x1.284241dbd5d39p-3, -0x1.6793ed0a040bcp-4, -0x1.e170940df1a6dp-5, -0x1.58b3150861808p-5, -0x1.02e85c089895cp-5},
    {-0x1.276ba5c062331p-2, 0x1.bbf4930fce7b3p-5, 0x1.b7e9ea2ad6ad5p-4, 0x1.ba09e2a359a52p-5, 0x1.a9f5181df9bf4p-6, 0x1.d2d9631bbaa00p-7, 0x1.1ad4946c8e15fp-7, 0x1.703966729a5c0p-8},
    {0x1.24d6bbb463a09p-3, 0x1.8a284b2850620p-4, -0x1.5d2c619010645p-6, -0x1.3244824951eb6p-6, -0x1.f70a65d7c892fp-8, -0x1.c4afa67cbf3f7p-9, -0x1.d021c2acf2b71p-10, -0x1.05d92c67eb325p-10},
    {0x1.01ba55d89fff4p-4, -0x1.f10767cbf8b08p-5, -0x1.6e17e72383600p-7, 0x1.4b850d12855a0p-8, 0x1.2496775d64bdbp-9, 0x1.b6d7faa5fa3d1p-11, 0x1.7cd36372f08c1p-12, 0x1.7468119da05b8p-13},
    {-0x1.7d1fdd6ddbb64p-5, -0x1.2f7c087228711p-11, 0x1.8b92ad96bf7a8p-7, -0x1.4fd3da6378763p-12, -0x1.41544bb9f1e42p-11, -0x1.a8ccafeafdd00p-13, -0x1.3878270b4c3e8p-14, -0x1.08d28970bc301p-15},
    {-0x1.390f0407964d4p-7, 0x1.d567442621d49p-7, -0x1.1675328b12a67p-8, -0x1.80ca49d1b52cep-11, 0x1.21dc010259cdbp-13, 0x1.985b5fa536a2cp-15, 0x1.005df6c338b70p-16, 0x1.78a2e23767089p-18},
    {0x1.65d15081e82d7p-7, -0x1.12da4dd313d26p-8, -0x1.7bfc015184eecp-12, 0x1.1a935fcae375ep-11, -0x1.6635214c9e352p-17, -0x1.7dfe7b61a76dbp-17, -0x1.a486e5e3c3072p-19, -0x1.0bd4762cbccf4p-20},
    {0x1.cc3bab06ccb73p-11, -0x1.ac21b2e654982p-10, 0x1.f55399e2cd294p-11, -0x1.92e9d44af3f6dp-13, -0x1.b726223e16d08p-17, 0x1.44f4bcae4a8b0p-19, 0x1.584dd79f0cf33p-21, 0x1.7ce91d9d34d0bp-23},
    {-0x1.07773d8e519b5p-9, 0x1.28a15e6d0906bp-10, -0x1.4c28e44d48f6fp-12, 0x1.f9378f88a3025p-17, 0x1.55899cb92b5fcp-17, -0x1.7fdd7ad521922p-22, -0x1.17d63deecdf9ep-23, -0x1.0edb37e13c439p-25},
    {0x1.5bd90b27bf952p-19, 0x1.4400ffbfbbb57p-16, -0x1.485a4cf2f3ff0p-15, 0x1.7873fa9234779p-16, -0x1.25ee8ac98fa29p-18, -0x1.6c2b3da197dc8p-25, 0x1.baa05ccbc3e68p-26, 0x1.811d4430f66e7p-28},
    {0x1.3efeb57f85186p-12, -0x1.6dd67711d472fp-13, 0x1.f8f8c4e5292f5p-15, -0x1.a2d2fb2a0a049p-17, 0x1.28498b2c10503p-20, 0x1.2aa2407504a94p-24, -0x1.3e57da512ff9cp-28, -0x1.11816bb069e6cp-30},
    {-0x1.3cb4b09791147p-16, 0x1.e8b53f1636d16p-16, -0x1.ae9bb35829799p-17, 0x1.27c3f9595857fp-19, -0x1.7975bed18c337p-27, -0x1.46ff302c7d8c4p-25, 0x1.38de2b01e16b3p-31, 0x1.82d6cc3f30f60p-33},
    {-0x1.46cf790863b46p-15, 0x1.2d4089619b2a2p-16, -0x1.1c9764eff1bf8p-18, 0x1.902e6d020d42bp-21, -0x1.1ee2218fb944ep-23, 0x1.ec5144bc381d7p-27, 0x1.5aacc0eb7a799p-34, -0x1.0d510101ee1aap-35},
    {0x1.0ea4011fe5b39p-18, -0x1.9117d4273c34bp-18, 0x1.5667c2d4a1e46p-19, -0x1.1a1795897b8f9p-21, 0x1.0d78f18528d37p-24, -0x1.e83e29042200dp-29, -0x1.f37c91d4d2f60p-34, 0x1.628eaa74f933fp-38},
    {0x1.10da2614fbb39p-18, -0x1.288774898ca11p-20, -0x1.22e2a290c4503p-23, 0x1.809b9709f9c98p-24, -0x1.91790ed79ac34p-27, 0x1.40b64a629b83cp-32, 0x1.ebb80763a74f3p-35, -0x1.6a814bd3237fbp-41},
};
static const float hk_log2e_32 = 0x1.7154760000000p+0f;
static const double hk_log2e_64 = 0x1.71547652b82fep+0;
static const float hk_ln2_hi_32 = 0x1.62e4000000000p-1f;
static const float hk_ln2_lo_32 = 0x1.7f7d1c0000000p-20f;
static const double hk_ln2_hi_64 = 0x1.62e42fefa3000p-1;
static const double hk_ln2_lo_64 = 0x1.3de6af278ece6p-42;
static const double hk_pio2_1 = 0x1.921fb54400000p+0;
static const double hk_pio2_2 = 0x1.0b4611a600000p-34;
static const double hk_pio2_3 = 0x1.3198a2e037073p-69;
static const double hk_pio2_hi = 0x1.921fb54442d18p+0;
static const double hk_pio2_lo = 0x1.1a62633145c07p-54;
static const double hk_two_over_pi = 0x1.45f306dc9c883p-1;
/// the first 1280 bits of 2 / pi after the binary point, most significant word first
static const uint64_t hk_two_over_pi_bits[20] = {
    0xa2f9836e4e441529ull,
    0xfc2757d1f534ddc0ull,
    0xdb6295993c439041ull,
    0xfe5163abdebbc561ull,
    0xb7246e3a424dd2e0ull,
    0x06492eea09d1921cull,
    0xfe1deb1cb129a73eull,
    0xe88235f52ebb4484ull,
    0xe99c7026b45f7e41ull,
    0x3991d639835339f4ull,
    0x9c845f8bbdf9283bull,
    0x1ff897ffde05980full,
    0xef2f118b5a0a6d1full,
    0x6d367ecf27cb09b7ull,
    0x4f463f669e5fea2dull,
    0x7527bac7ebe5f17bull,
    0x3d0739f78a5292eaull,
    0x6bfb5fb11f8d5d08ull,
    0x56033046fc7b6babull,
    0xf0cfbc209af4361dull,
};
#pragma clang diagnostic pop
#endif
