import ApusBase
import ApusCheckpoints

extension CheckpointStore {
    /// Writes the checkpoint of `state.step`. When it is complete and reads back, the oldest ones beyond those to keep are removed.
    ///
    /// - Throws: an `InputError` when it cannot be written, for a full disk say; the checkpoints that are there stay as they are.
    package func save(_ groups: [TensorGroup], state: TrainingState) throws(InputError) {
        let place = path(ofStep: state.step)
        do throws(InputError) {
            try write(groups, state, to: place)
            if steps.first != state.step { _ = try CheckpointManifest.verified(place, step: state.step) }
        } catch {
            let others = steps.filter { $0 != state.step }
            let kept =
                others.isEmpty
                ? ""
                : "; \(others.count == 1 ? "that" : "those") of step \(others.map(String.init).joined(separator: ", ")) \(others.count == 1 ? "is" : "are") kept"
            throw InputError(
                place, "the checkpoint was not written: \(error.subject.split(separator: "/").last ?? ""): \(error.rule)",
                remedy: (error.remedy ?? "check the disk") + kept)
        }
        removeOldest()
    }

    private func write(_ groups: [TensorGroup], _ state: TrainingState, to place: String) throws(InputError) {
        let folder = try AtomicFolder(path: place, replacing: true)
        var files: [CheckpointManifest.File] = []
        for group in groups { files.append(try write(group, to: folder)) }
        let text = state.json.serialized(pretty: true) + "\n"
        let byteCount = try folder.write(TrainingCheckpoint.stateName, text)
        let checksum = CRC32C.checksum(Array(text.utf8)).text
        files.append(CheckpointManifest.File(name: TrainingCheckpoint.stateName, byteCount: byteCount, checksum: checksum))
        try CheckpointManifest(step: state.step, files: files).write(to: folder)
        try folder.commit()
    }

    private func write(_ group: TensorGroup, to folder: AtomicFolder) throws(InputError) -> CheckpointManifest.File {
        let name = group.name + ".safetensors"
        let plans = group.tensors.map { TensorPlan($0.name, .f32, shape: $0.shape)! }
        let writer = try SafetensorsWriter(path: folder.temporaryPath + "/" + name, tensors: plans, checksummed: true)
        for tensor in group.tensors where tensor.values.count > 0 { try writer.append(UnsafeRawBufferPointer(tensor.values)) }
        try writer.finish()
        return CheckpointManifest.File(name: name, byteCount: writer.byteCount, checksum: writer.checksums[0].checksum.text)
    }
}
