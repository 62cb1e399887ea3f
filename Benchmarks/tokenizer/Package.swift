// swift-tools-version: 6.1
// The tokenizer alone, over links to the project's sources, so that its speed can be measured without building the rest.
import PackageDescription

let package = Package(
    name: "tokenizer",
    targets: [
        .target(name: "ApusBase"),
        .target(name: "ApusTokenizers", dependencies: ["ApusBase"]),
        .executableTarget(name: "tokenizer-speed", dependencies: ["ApusTokenizers"]),
    ]
)
