"""From a Keras model to a proven artifact (installed as edgeseg.converters)."""
