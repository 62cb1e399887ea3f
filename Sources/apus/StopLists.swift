/// Arguments in which each value of `--stop A B …` has the option's name before it, as ArgumentParser reads values that may begin with a dash.
/// The first value of a list is taken as it is, and those after it up to one that begins with a dash.
func separatingStops(_ arguments: [String]) -> [String] {
    guard let verb = arguments.first, ["generate", "chat"].contains(verb) else { return arguments }
    var result: [String] = [], rest = arguments[...]
    while let argument = rest.popFirst() {
        result.append(argument)
        // What follows is a value, whatever it is.
        if ["--stop", "--prompt", "-p", "--system"].contains(argument), let value = rest.popFirst() { result.append(value) }
        guard argument == "--stop" || argument.hasPrefix("--stop=") else { continue }
        while let value = rest.first, !value.hasPrefix("-") { result += ["--stop", rest.removeFirst()] }
    }
    return result
}
