// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "apus",
    products: [
        .executable(name: "apus", targets: ["apus"]),
        .library(name: "Apus", targets: ["ApusInference"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    ],
    targets: [
        .target(name: "CApusKernels", cSettings: [.define("_GNU_SOURCE")]),
        .target(name: "ApusBase"),
        .target(name: "ApusDescription"),
        .target(name: "ApusTensor", dependencies: ["CApusKernels"]),
        .target(name: "ApusTokenizers", dependencies: ["ApusBase"]),
        .target(name: "ApusTemplates", dependencies: ["ApusBase"]),
        .target(name: "ApusCheckpoints", dependencies: ["ApusTensor", "ApusBase"]),
        .target(
            name: "ApusHub",
            dependencies: [
                "ApusBase",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .target(name: "ApusLayers", dependencies: ["ApusTensor", "ApusDescription"]),
        .target(
            name: "ApusModels",
            dependencies: ["ApusLayers", "ApusCheckpoints", "ApusDescription", "ApusTokenizers"]),
        .target(name: "ApusInference", dependencies: ["ApusModels", "ApusTokenizers", "ApusTemplates"]),
        .executableTarget(
            name: "apus",
            dependencies: [
                "ApusInference", "ApusHub",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(name: "ApusBaseTests", dependencies: ["ApusBase"]),
        .testTarget(name: "ApusTensorTests", dependencies: ["ApusTensor"]),
        .testTarget(name: "ApusTokenizersTests", dependencies: ["ApusTokenizers", "ApusCheckpoints"]),
        .testTarget(name: "ApusTemplatesTests", dependencies: ["ApusTemplates", "ApusBase"]),
        .testTarget(name: "ApusCheckpointsTests", dependencies: ["ApusCheckpoints"]),
        .testTarget(name: "ApusHubTests", dependencies: ["ApusHub"]),
        .testTarget(name: "ApusModelsTests", dependencies: ["ApusModels"]),
        .testTarget(name: "ApusInferenceTests", dependencies: ["ApusInference"]),
    ]
)
