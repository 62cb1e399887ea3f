import Glibc

/// Makes a folder and those it lies in; returns those that were not there.
@discardableResult
package func makeFolders(_ path: String) throws(InputError) -> [String] {
    if isFolder(path) { return [] }
    if path.count > 1, path.hasSuffix("/") { return try makeFolders(String(path.dropLast())) }
    let above = parentFolder(path)
    let made = above == path ? [] : try makeFolders(above)
    guard mkdir(path, 0o777) == 0 else {
        throw InputError(path, "cannot be made: \(systemMessage(errno))", remedy: "give a folder's name, and check the permissions of the one above")
    }
    return made + [path]
}

/// Removes a folder and the files in it, as far as the system lets us; folders in it stay.
package func removeFolder(_ path: String) {
    for name in fileNames(inFolder: path) { unlink(path + "/" + name) }
    rmdir(path)
}

/// Has the system write the names in a folder to the disk. A file system that cannot is no error.
package func syncFolder(_ path: String) {
    let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { return }
    fsync(folder)
    close(folder)
}

/// The folder a path lies in.
package func parentFolder(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
