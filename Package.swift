// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "apus",
    products: [
        .executable(name: "apus", targets: ["apus"]),
        .library(
            name: "Apus",
            targets: ["ApusInference", "ApusModels", "ApusTensor", "ApusTokenizers", "ApusTemplates", "ApusDescription", "ApusBase"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.30.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.90.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    ],
    targets: [
        .target(name: "CApusKernels", cSettings: [.define("_GNU_SOURCE")]),
        .target(name: "ApusBase"),
        .target(name: "ApusDescription"),
        .target(name: "ApusTensor", dependencies: ["CApusKernels", "ApusBase"]),
        .target(name: "ApusTokenizers", dependencies: ["ApusBase"]),
        .target(name: "ApusTemplates", dependencies: ["ApusBase"]),
        .target(name: "ApusCheckpoints", dependencies: ["ApusTensor", "ApusBase"]),
        .target(
            name: "ApusHub",
            dependencies: [
                "ApusBase",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        .target(name: "ApusAutograd", dependencies: ["ApusTensor", "ApusBase"]),
        .target(name: "ApusLayers", dependencies: ["ApusAutograd", "ApusTensor", "ApusDescription"]),
        .target(
            name: "ApusModels",
            dependencies: ["ApusLayers", "ApusAutograd", "ApusCheckpoints", "ApusDescription", "ApusTokenizers"]),
        .target(
            name: "ApusInference",
            dependencies: ["ApusModels", "ApusLayers", "ApusTensor", "ApusTokenizers", "ApusTemplates", "ApusDescription", "ApusBase"]),
        .target(
            name: "ApusTraining",
            dependencies: [
                "ApusAutograd", "ApusInference", "ApusModels", "ApusLayers", "ApusTensor", "ApusTokenizers", "ApusTemplates", "ApusCheckpoints",
                "ApusDescription",
                "ApusBase",
                .product(name: "Yams", package: "Yams"),
            ]),
        .executableTarget(
            name: "apus",
            dependencies: [
                "ApusTraining", "ApusInference", "ApusModels", "ApusCheckpoints", "ApusTensor", "ApusDescription", "ApusTemplates", "ApusTokenizers", "ApusHub",
                "ApusBase",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(
            name: "stream-text", dependencies: ["ApusInference", "ApusModels", "ApusTensor"], path: "Examples/stream-text"),
        .executableTarget(name: "checkpoint-probe", dependencies: ["ApusTraining", "ApusBase"], path: "Tests/CheckpointProbe"),
        .testTarget(name: "ApusArchitectureTests", dependencies: ["ApusBase"]),
        .testTarget(name: "ApusTensorTests", dependencies: ["ApusTensor", "CApusKernels"]),
        .testTarget(name: "ApusLayersTests", dependencies: ["ApusLayers", "ApusCheckpoints", "ApusTensor"]),
        .testTarget(
            name: "ApusHubTests",
            dependencies: [
                "ApusHub", "ApusBase",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        .testTarget(
            name: "ApusAutogradTests",
            dependencies: ["ApusModels", "ApusLayers", "ApusAutograd", "ApusCheckpoints", "ApusTensor", "ApusBase"]),
        .testTarget(name: "ApusCheckpointsTests", dependencies: ["ApusCheckpoints", "ApusTensor", "ApusBase"]),
        .testTarget(name: "ApusTokenizersTests", dependencies: ["ApusTokenizers", "ApusTemplates", "ApusModels", "ApusCheckpoints"]),
        .testTarget(name: "ApusTemplatesTests", dependencies: ["ApusTemplates", "ApusBase"]),
        .testTarget(
            name: "ApusInferenceTests",
            dependencies: ["ApusInference", "ApusModels", "ApusTemplates", "ApusTokenizers", "ApusCheckpoints", "ApusDescription", "ApusBase"]),
        .testTarget(
            name: "ApusTrainingTests",
            dependencies: [
                "checkpoint-probe",
                "ApusTraining", "ApusInference", "ApusModels", "ApusLayers", "ApusTensor", "ApusTokenizers", "ApusTemplates", "ApusCheckpoints",
                "ApusDescription", "ApusBase",
            ]),
        .testTarget(name: "ApusCommandTests", dependencies: ["apus", "stream-text", "ApusCheckpoints", "ApusBase"]),
    ]
)
